#include "core/layout_builder.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/inner_order.h"
#include "tests/core/layouts.h"

namespace pegaflow::core {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr std::uint64_t kBase = 1ULL << 30;
constexpr std::uint64_t kGap = 1ULL << 20;  // from allocation to allocation

// Two layers, 3 heads, K and V of 8 bytes, 4 tokens in a block: 96 bytes of each part.
KvShape shape() {
  KvShape result;
  result.groups = {testing::small_group(2)};
  result.groups[0].heads_total = 3;
  return result;
}

Result<KvLayout> build(const KvShape& shape, const GroupStyle& style) {
  std::uint64_t next = kBase;
  return make_layout(
      shape, std::span(&style, 1), MemoryKind::kHost,
      [&](std::uint64_t) -> Result<std::uint64_t> { return std::exchange(next, next + kGap); });
}

struct Expected {
  GroupStyle style;
  KvLayerLayout second_layer;
  std::vector<std::uint64_t> allocations;  // bytes
};

TEST(MakeLayout, places_layers_as_the_styles_say) {
  const std::uint64_t a = kBase;
  const Expected cases[] = {
      {{BlockStyle::kPartNhd, Placement::kPerLayer, 10, 0},
       {{a + 2 * kGap, a + 3 * kGap}, 96, 24, 8},
       {960, 960, 960, 960}},
      {{BlockStyle::kPartHnd, Placement::kLayerFirst, 10, 4},
       {{a + 2000, a + 3000}, 100, 8, 32},
       {4000}},
      {{BlockStyle::kPartNhd, Placement::kBlockFirst, 10, 0},
       {{a + 96, a + 1920 + 96}, 192, 24, 8},
       {3840}},
      {{BlockStyle::kBlockPartNhd, Placement::kPerLayer, 10, 0},
       {{a + kGap, a + kGap + 96}, 192, 24, 8},
       {1920, 1920}},
      {{BlockStyle::kBlockPartHnd, Placement::kBlockFirst, 10, 8},
       {{a + 200, a + 200 + 96}, 400, 8, 32},
       {4000}},
      {{BlockStyle::kNhdKv, Placement::kLayerFirst, 10, 0},
       {{a + 1920, a + 1920 + 8}, 192, 48, 16},
       {3840}},
      {{BlockStyle::kHndKv, Placement::kBlockFirst, 10, 0},
       {{a + 192, a + 192 + 8}, 384, 16, 64},
       {3840}},
  };
  for (const Expected& expected : cases) {
    const KvLayout layout = build(shape(), expected.style).value();
    EXPECT_EQ(layout.groups[0].layers[1], expected.second_layer);
    std::vector<std::uint64_t> bytes;
    for (const MemoryRange& range : layout.allocations) bytes.push_back(range.bytes);
    EXPECT_EQ(bytes, expected.allocations);
  }
}

TEST(MakeLayout, places_one_part_and_opaque_blocks) {
  KvShape latent = shape();
  latent.groups[0].heads_total = 1;
  latent.groups[0].parts = 1;
  latent.groups[0].part_bytes = {1152, 0};
  const KvLayout mla = build(latent, {BlockStyle::kPartNhd, Placement::kBlockFirst, 5, 0}).value();
  EXPECT_EQ(mla.groups[0].layers[1], (KvLayerLayout{{kBase + 4608, 0}, 9216, 1152, 1152}));
  EXPECT_NE(mla.shape.groups[0].inner_order, 0U);

  KvShape opaque;
  opaque.groups = {testing::opaque_group(2, 100)};
  const KvLayout blocks =
      build(opaque, {BlockStyle::kPartNhd, Placement::kPerLayer, 5, 28}).value();
  EXPECT_EQ(blocks.groups[0].layers[1], (KvLayerLayout{{kBase + kGap, 0}, 128, 0, 0}));
}

TEST(MakeLayout, refuses_unequal_parts_apart) {
  KvShape unequal = shape();
  unequal.groups[0].part_bytes = {8, 16};
  const auto apart = build(unequal, {BlockStyle::kPartNhd, Placement::kPerLayer, 5, 0});
  ASSERT_FALSE(apart.ok());
  EXPECT_THAT(apart.error().message(), HasSubstr("groups[0]: parts of 8 and 16 bytes"));
  EXPECT_TRUE(build(unequal, {BlockStyle::kHndKv, Placement::kPerLayer, 5, 0}).ok());
}

TEST(MakeLayout, refuses_absurd_sizes_before_it_allocates) {
  KvShape large = shape();
  large.groups[0].stage_bounds = {0, 1024};
  large.groups[0].part_bytes = {1 << 20, 1 << 20};
  const GroupStyle style{BlockStyle::kNhdKv, Placement::kLayerFirst, 1 << 24, 0};
  const auto layout = make_layout(large, std::span(&style, 1), MemoryKind::kHost,
                                  [](std::uint64_t) -> Result<std::uint64_t> {
                                    ADD_FAILURE() << "allocated";
                                    return kBase;
                                  });
  ASSERT_FALSE(layout.ok());
  EXPECT_THAT(layout.error().message(), HasSubstr("would take more than"));
  EXPECT_THAT(build(shape(), {BlockStyle::kNhdKv, Placement::kPerLayer, 0, 0}).error().message(),
              HasSubstr("n_blocks = 0"));
  EXPECT_THAT(make_layout(shape(), {}, MemoryKind::kHost, {}).error().message(),
              HasSubstr("0 styles for 1 groups"));
}

TEST(MakeLayout, passes_on_the_allocators_error) {
  const GroupStyle style{BlockStyle::kNhdKv, Placement::kPerLayer, 4, 0};
  const auto layout = make_layout(shape(), std::span(&style, 1), MemoryKind::kHost,
                                  [](std::uint64_t bytes) -> Result<std::uint64_t> {
                                    return Error(Code::kResourceExhausted,
                                                 "no " + std::to_string(bytes) + " bytes");
                                  });
  ASSERT_FALSE(layout.ok());
  EXPECT_EQ(layout.error().code(), Code::kResourceExhausted);
  EXPECT_THAT(layout.error().message(), HasSubstr("no 768 bytes"));
}

TEST(MakeLayout, builds_nothing_for_a_rank_without_layers) {
  KvShape idle = shape();
  idle.rank.pp_size = 2;
  idle.groups[0].stage_bounds = {0, 0, 2};
  const KvLayout layout = build(idle, {BlockStyle::kNhdKv, Placement::kPerLayer, 5, 0}).value();
  EXPECT_TRUE(layout.groups[0].layers.empty());
  EXPECT_TRUE(layout.allocations.empty());
}

std::uint64_t order(BlockStyle style, Placement placement = Placement::kPerLayer,
                    std::uint64_t padding = 0) {
  return build(shape(), {style, placement, 5, padding}).value().shape.groups[0].inner_order;
}

TEST(InnerOrder, is_none_for_parts_in_different_tensors) {
  EXPECT_EQ(order(BlockStyle::kPartNhd), 0U);
  EXPECT_EQ(order(BlockStyle::kPartHnd), 0U);
}

TEST(InnerOrder, tells_interiors_apart_and_ignores_where_blocks_lie) {
  const std::uint64_t nhd = order(BlockStyle::kBlockPartNhd);
  const std::uint64_t hnd = order(BlockStyle::kBlockPartHnd);
  const std::uint64_t nhd_kv = order(BlockStyle::kNhdKv);
  const std::uint64_t hnd_kv = order(BlockStyle::kHndKv);
  EXPECT_NE(nhd, 0U);
  EXPECT_EQ((std::set{nhd, hnd, nhd_kv, hnd_kv}.size()), 4U);
  EXPECT_EQ(order(BlockStyle::kBlockPartNhd, Placement::kBlockFirst), nhd);
  EXPECT_EQ(order(BlockStyle::kBlockPartNhd, Placement::kLayerFirst, 64), nhd);
}

TEST(InnerOrder, tells_which_part_comes_first) {
  const KvLayout layout =
      build(shape(), {BlockStyle::kBlockPartNhd, Placement::kPerLayer, 5, 0}).value();
  KvGroupLayout swapped = layout.groups[0];
  for (KvLayerLayout& layer : swapped.layers) std::swap(layer.part_base[0], layer.part_base[1]);
  const std::uint64_t order = inner_order(layout.shape.groups[0], swapped, layout.shape.rank);
  EXPECT_NE(order, 0U);
  EXPECT_NE(order, layout.shape.groups[0].inner_order);
}

TEST(InnerOrder, is_none_when_layers_differ_or_have_gaps) {
  const KvLayout layout =
      build(shape(), {BlockStyle::kNhdKv, Placement::kPerLayer, 5, 100}).value();
  const KvGroupShape& group = layout.shape.groups[0];
  EXPECT_NE(inner_order(group, layout.groups[0], layout.shape.rank), 0U);
  KvGroupLayout gaps = layout.groups[0];
  for (KvLayerLayout& layer : gaps.layers) layer.token_stride += 2;
  EXPECT_EQ(inner_order(group, gaps, layout.shape.rank), 0U);
  KvGroupLayout mixed = layout.groups[0];
  std::swap(mixed.layers[1].token_stride, mixed.layers[1].head_stride);
  EXPECT_EQ(inner_order(group, mixed, layout.shape.rank), 0U);
}

TEST(EvenStages, gives_the_first_stages_one_more) {
  EXPECT_THAT(even_stages(7, 3), ElementsAre(0, 3, 5, 7));
  EXPECT_THAT(even_stages(2, 3), ElementsAre(0, 1, 2, 2));
}

}  // namespace
}  // namespace pegaflow::core
