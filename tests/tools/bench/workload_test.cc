#include "pegaflow-bench/workload.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <set>
#include <vector>

namespace pegaflow::bench {
namespace {

using testing::HasSubstr;

std::vector<std::uint32_t> picked(PagePicker& picker) {
  const auto pages = picker.pick();
  return {pages.begin(), pages.end()};
}

TEST(Workload, a_pool_holds_four_times_what_moves) {
  const Workload workload{2048, 1 << 20};
  EXPECT_EQ(workload.fragments(), 512u);
  EXPECT_EQ(workload.pool_pages(), 2048u);
  EXPECT_EQ(workload.pool_bytes(), 4u << 20);
}

TEST(Workload, each_page_is_one_contiguous_piece_of_the_layout) {
  for (const std::uint64_t page : {std::uint64_t{256}, std::uint64_t{4096}, std::uint64_t{65536}}) {
    const Workload workload{page, 1 << 20};
    const auto layout = make_pool_layout(workload, 4096, "");
    ASSERT_TRUE(layout.ok()) << layout.error().message();
    const auto& layer = layout->groups[0].layers[0];
    EXPECT_EQ(layer.part_base[0], 4096u);
    EXPECT_EQ(layer.block_stride, page);
    EXPECT_EQ(workload.page_tokens() * workload.token_bytes(), page);
    EXPECT_NE(layout->shape.groups[0].inner_order, 0u) << "a block is one run";
  }
}

TEST(Workload, sizes_that_do_not_divide_are_refused) {
  EXPECT_TRUE(check_workload({256, 1 << 20}).ok());
  EXPECT_THAT(check_workload({250, 1 << 20}).error().message(), HasSubstr("250"));
  EXPECT_THAT(check_workload({6000, 60'000}).error().message(), HasSubstr("4096"));
  EXPECT_THAT(check_workload({4096, 5000}).error().message(), HasSubstr("multiple of the page"));
  EXPECT_THAT(check_workload({16, std::uint64_t{1} << 30}).error().message(), HasSubstr("at most"));
}

TEST(PagePicker, pages_are_distinct_in_the_pool_and_new_each_time) {
  const Workload workload{4096, 1 << 20};
  PagePicker picker(workload, Side::kSource);
  const auto first = picked(picker);
  const auto second = picked(picker);
  EXPECT_EQ(first.size(), workload.fragments());
  EXPECT_EQ(std::set(first.begin(), first.end()).size(), first.size());
  EXPECT_LT(*std::ranges::max_element(first), workload.pool_pages());
  EXPECT_NE(first, second);
}

TEST(PagePicker, the_sides_differ_and_each_can_be_repeated) {
  const Workload workload{4096, 1 << 20};
  PagePicker source(workload, Side::kSource);
  PagePicker again(workload, Side::kSource);
  PagePicker sink(workload, Side::kSink);
  EXPECT_EQ(picked(source), picked(again));
  EXPECT_EQ(picked(source), picked(again));
  EXPECT_NE(picked(source), picked(sink));
}

}  // namespace
}  // namespace pegaflow::bench
