#include "pegaflow-demo/kv_pool.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <memory>

#include "pegaflow-demo/layout_names.h"

namespace pegaflow::demo {
namespace {

using testing::HasSubstr;

const Model kSmall{"small", "bfloat16", 3, 4, 2, 6, 2};  // 12 bytes a row: not whole words

Prompt prompt_of(std::uint32_t tokens) {
  return arrivals_of(std::vector<TraceRow>{{0, tokens, 1, {42}}}, {1}, 1)[0].prompt;
}

std::unique_ptr<KvPool> make_pool(const std::string& layout, const Model& model = kSmall) {
  auto pool = KvPool::create({model, 0, 1, layout, 4, 8});
  EXPECT_TRUE(pool.ok()) << pool.error().message();
  return pool.ok() ? std::move(*pool) : nullptr;
}

void fill_all(KvPool& pool, const Prompt& prompt, const std::vector<std::uint32_t>& ids) {
  for (std::uint32_t layer = 0; layer < pool.layers(); ++layer) {
    EXPECT_TRUE(pool.fill(prompt, ids, layer, {0, prompt.n_tokens}).ok());
  }
}

class KvPoolLayouts : public testing::TestWithParam<std::string> {};

TEST_P(KvPoolLayouts, what_was_filled_verifies_and_a_flipped_bit_is_found_and_named) {
  const auto pool = make_pool(GetParam());
  ASSERT_NE(pool, nullptr);
  const auto prompt = prompt_of(10);
  const std::vector<std::uint32_t> ids = {5, 0, 7};
  fill_all(*pool, prompt, ids);
  EXPECT_EQ(pool->verify(prompt, ids, {0, 10})->wrong_bytes, 0u);
  EXPECT_TRUE(pool->flip_bit(ids, 1, 9).ok());
  const auto mismatch = pool->verify(prompt, ids, {0, 10});
  EXPECT_EQ(mismatch->wrong_bytes, 1u);
  EXPECT_THAT(mismatch->first, HasSubstr("layer 1, token 9, head 0, part 0, byte 6"));
  EXPECT_EQ(pool->verify(prompt, ids, {0, 9})->wrong_bytes, 0u);
}

TEST_P(KvPoolLayouts, prompts_in_different_blocks_do_not_touch_each_other) {
  const auto pool = make_pool(GetParam());
  ASSERT_NE(pool, nullptr);
  const auto one = prompt_of(16);
  const auto other = prompt_of(15);
  fill_all(*pool, one, {0, 2, 4, 6});
  fill_all(*pool, other, {1, 3, 5, 7});
  EXPECT_EQ(pool->verify(one, std::vector<std::uint32_t>{0, 2, 4, 6}, {0, 16})->wrong_bytes, 0u);
  EXPECT_EQ(pool->verify(other, std::vector<std::uint32_t>{1, 3, 5, 7}, {0, 15})->wrong_bytes, 0u);
}

INSTANTIATE_TEST_SUITE_P(All, KvPoolLayouts, testing::ValuesIn(layout_names()),
                         [](const auto& instance) {
                           std::string name = instance.param;
                           std::replace(name.begin(), name.end(), '-', '_');
                           return name;
                         });

TEST(KvPool, layers_that_were_not_filled_do_not_verify) {
  const auto pool = make_pool("hnd");
  const auto prompt = prompt_of(4);
  const std::vector<std::uint32_t> ids = {3};
  EXPECT_TRUE(pool->fill(prompt, ids, 0, {0, 4}).ok());
  const auto mismatch = pool->verify(prompt, ids, {0, 4});
  EXPECT_GT(mismatch->wrong_bytes, 0u);
  EXPECT_THAT(mismatch->first, HasSubstr("layer 1, token 0"));
}

TEST(KvPool, ranks_hold_their_heads_and_each_head_has_its_own_bytes) {
  const auto prompt = prompt_of(4);
  const std::vector<std::uint32_t> ids = {0};
  auto first = KvPool::create({kSmall, 0, 2, "nhd", 4, 1});
  auto second = KvPool::create({kSmall, 1, 2, "nhd", 4, 1});
  ASSERT_TRUE(first.ok() && second.ok());
  EXPECT_EQ((*first)->bytes_of(4) + (*second)->bytes_of(4), 4 * kSmall.token_bytes());
  fill_all(**first, prompt, ids);
  fill_all(**second, prompt, ids);
  EXPECT_EQ((*second)->verify(prompt, ids, {0, 4})->wrong_bytes, 0u);
  const auto& a = (*first)->layout().groups[0].layers[0].part_base[0];
  const auto& b = (*second)->layout().groups[0].layers[0].part_base[0];
  EXPECT_NE(std::memcmp(reinterpret_cast<void*>(a), reinterpret_cast<void*>(b), 12), 0);
}

TEST(KvPool, one_part_models_fit_every_layout) {
  const Model latent{"latent", "bfloat16", 2, 1, 1, 9, 2};
  for (const auto& layout : layout_names()) {
    const auto pool = make_pool(layout, latent);
    ASSERT_NE(pool, nullptr) << layout;
    const auto prompt = prompt_of(7);
    const std::vector<std::uint32_t> ids = {6, 1};
    fill_all(*pool, prompt, ids);
    EXPECT_EQ(pool->verify(prompt, ids, {0, 7})->wrong_bytes, 0u) << layout;
  }
}

TEST(KvPool, a_gpu_that_is_not_there_is_an_error_that_names_it) {
  const auto pool = KvPool::create({kSmall, 0, 1, "nhd", 4, 8, "GPU-of-nobody"});
  ASSERT_FALSE(pool.ok());
  EXPECT_THAT(pool.error().message(), HasSubstr("GPU-of-nobody"));
}

TEST(KvPool, an_unknown_layout_is_refused_with_the_choices) {
  const auto pool = KvPool::create({kSmall, 0, 1, "zigzag", 4, 8});
  ASSERT_FALSE(pool.ok());
  EXPECT_THAT(pool.error().message(), HasSubstr("block-first"));
}

}  // namespace
}  // namespace pegaflow::demo
