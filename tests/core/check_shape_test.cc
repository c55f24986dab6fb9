#include "core/check_shape.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <string>

#include "core/inner_order.h"
#include "tests/core/layouts.h"

namespace pegaflow::core {
namespace {

using ::testing::HasSubstr;

KvShape good_shape() {
  KvShape shape;
  shape.rank.pp_size = 2;
  shape.rank.tp_size = 4;
  shape.groups = {testing::small_group(5, 2), testing::opaque_group(3, 100, 2)};
  return shape;
}

struct BadShape {
  const char* name;
  std::function<void(KvShape&)> spoil;
  const char* message;
};

void PrintTo(const BadShape& bad, std::ostream* out) { *out << bad.name; }

class ShapeIsRefused : public ::testing::TestWithParam<BadShape> {};

TEST_P(ShapeIsRefused, with_the_field_and_its_value) {
  KvShape shape = good_shape();
  GetParam().spoil(shape);
  const Status status = check_shape(shape);
  ASSERT_FALSE(status.ok());
  EXPECT_EQ(status.error().code(), Code::kInvalidArgument);
  EXPECT_THAT(status.error().message(), HasSubstr(GetParam().message));
}

const BadShape kBadShapes[] = {
    {"no_groups", [](KvShape& s) { s.groups.clear(); }, "groups.size() = 0, expected 1 to 16"},
    {"groups", [](KvShape& s) { s.groups.resize(17); }, "groups.size() = 17"},
    {"uuid", [](KvShape& s) { s.gpu_uuid.assign(65, 'x'); }, "gpu_uuid.size() = 65"},
    {"dp", [](KvShape& s) { s.rank.dp = 1; }, "rank.dp = 1, expected less than its size 1"},
    {"dp_size", [](KvShape& s) { s.rank.dp_size = 0; }, "rank.dp_size = 0"},
    {"ranks", [](KvShape& s) { s.rank.dp_size = 65536; }, "ranks (dp_size · pp_size · tp_size) ="},
    {"bounds_size", [](KvShape& s) { s.rank.pp_size = 1; }, "groups[0].stage_bounds.size() = 3"},
    {"bounds_empty", [](KvShape& s) { s.groups[1].stage_bounds.clear(); }, "groups[1].stage_b"},
    {"bounds_first", [](KvShape& s) { s.groups[0].stage_bounds[0] = 1; }, "stage_bounds[0] = 1"},
    {"bounds_order", [](KvShape& s) { s.groups[0].stage_bounds[1] = 6; },
     "groups[0].stage_bounds[2] = 5, expected at least its predecessor 6"},
    {"no_layers", [](KvShape& s) { s.groups[0].stage_bounds = {0, 0, 0}; }, "layers (the last"},
    {"layers", [](KvShape& s) { s.groups[0].stage_bounds = {0, 1, 1025}; }, "= 1025, expected 1"},
    {"no_heads", [](KvShape& s) { s.groups[0].heads_total = 0; }, "groups[0].heads_total = 0"},
    {"heads", [](KvShape& s) { s.groups[0].heads_total = 6; },
     "groups[0].heads_total = 6, expected a divisor or a multiple of tp_size 4"},
    {"no_block_tokens", [](KvShape& s) { s.groups[1].block_tokens = 0; }, "block_tokens = 0"},
    {"element", [](KvShape& s) { s.groups[0].element_bytes = 3; }, "element_bytes = 3, expected 1"},
    {"no_element", [](KvShape& s) { s.groups[0].element_bytes = 0; }, "element_bytes = 0"},
    {"no_parts", [](KvShape& s) { s.groups[0].parts = 0; }, "groups[0].parts = 0, expected 1 to 2"},
    {"parts", [](KvShape& s) { s.groups[0].parts = 3; }, "groups[0].parts = 3"},
    {"part_bytes", [](KvShape& s) { s.groups[0].part_bytes[1] = 7; },
     "groups[0].part_bytes[1] = 7, expected a multiple of element_bytes 2"},
    {"second_part", [](KvShape& s) { s.groups[0].parts = 1; },
     "groups[0].part_bytes[1] = 8, expected 0 in a group of one part"},
    {"block_bytes",
     [](KvShape& s) {
       s.groups[0].block_tokens = kMaxBlockTokens;
       s.groups[0].part_bytes = {kMaxPartBytes, kMaxPartBytes};
     },
     "groups[0].bytes of one block of one layer ="},
    {"digest", [](KvShape& s) { s.groups[0].opaque_digest[3] = 1; }, "opaque_block_bytes = 0"},
    {"opaque_bytes", [](KvShape& s) { s.groups[1].opaque_block_bytes = kMaxBlockBytes + 1; },
     "groups[1].opaque_block_bytes ="},
    {"opaque_parts", [](KvShape& s) { s.groups[1].parts = 1; },
     "groups[1].parts = 1, expected 0 in an opaque group"},
    {"opaque_element", [](KvShape& s) { s.groups[1].element_bytes = 2; }, "element_bytes = 2"},
    {"opaque_order", [](KvShape& s) { s.groups[1].inner_order = 9; }, "inner_order = 9"},
};

INSTANTIATE_TEST_SUITE_P(check_shape, ShapeIsRefused, ::testing::ValuesIn(kBadShapes),
                         [](const auto& test) { return test.param.name; });

TEST(CheckShape, accepts_a_stage_without_layers_and_replicated_heads) {
  KvShape shape = good_shape();
  shape.groups[0].stage_bounds = {0, 0, 5};
  shape.groups[0].heads_total = 2;
  EXPECT_TRUE(check_shape(shape).ok());
}

// An address-only layout: two layers of K and V apart, in one allocation.
KvLayout good_layout() {
  KvLayout layout;
  layout.shape.groups = {testing::small_group(2)};
  const std::uint64_t tensor = 10 * 512;  // 10 blocks of 4 tokens, 8 heads, 8 bytes, padded
  layout.allocations = {{1 << 20, 4 * tensor}};
  layout.groups.resize(1);
  layout.groups[0].n_blocks = 10;
  for (std::uint64_t layer = 0; layer < 2; ++layer) {
    const std::uint64_t base = (1 << 20) + layer * 2 * tensor;
    layout.groups[0].layers.push_back({{base, base + tensor}, 512, 64, 8});
  }
  return layout;
}

struct BadLayout {
  const char* name;
  std::function<void(KvLayout&)> spoil;
  const char* message;
};

void PrintTo(const BadLayout& bad, std::ostream* out) { *out << bad.name; }

class LayoutIsRefused : public ::testing::TestWithParam<BadLayout> {};

TEST_P(LayoutIsRefused, with_the_field_and_its_value) {
  KvLayout layout = good_layout();
  ASSERT_TRUE(check_layout(layout).ok());
  GetParam().spoil(layout);
  const Status status = check_layout(layout);
  ASSERT_FALSE(status.ok());
  EXPECT_EQ(status.error().code(), Code::kInvalidArgument);
  EXPECT_THAT(status.error().message(), HasSubstr(GetParam().message));
}

KvLayerLayout& layer(KvLayout& layout, std::size_t index) { return layout.groups[0].layers[index]; }

const BadLayout kBadLayouts[] = {
    {"shape", [](KvLayout& l) { l.shape.groups[0].parts = 3; }, "shape.groups[0].parts = 3"},
    {"host_uuid", [](KvLayout& l) { l.shape.gpu_uuid = "GPU-1"; }, "shape.gpu_uuid = 'GPU-1'"},
    {"cuda_uuid", [](KvLayout& l) { l.memory = MemoryKind::kCuda; }, "the memory is a GPU's"},
    {"groups", [](KvLayout& l) { l.groups.clear(); }, "groups.size() = 0, but the shape has 1"},
    {"layers", [](KvLayout& l) { l.groups[0].layers.pop_back(); },
     "groups[0].layers.size() = 1, but the shape gives pp rank 0 2"},
    {"no_blocks", [](KvLayout& l) { l.groups[0].n_blocks = 0; }, "groups[0].n_blocks = 0"},
    {"blocks", [](KvLayout& l) { l.groups[0].n_blocks = kMaxBlocks + 1; }, "n_blocks = 16777217"},
    {"token_alignment", [](KvLayout& l) { layer(l, 1).token_stride = 65; },
     "groups[0].layers[1].token_stride = 65 is not a multiple of element_bytes 2"},
    {"base_alignment", [](KvLayout& l) { layer(l, 0).part_base[1] += 1; },
     "groups[0].layers[0].part_base[1] = 1053697 is not a multiple"},
    {"below", [](KvLayout& l) { layer(l, 0).part_base[0] -= 2; }, "not inside one allocation"},
    {"above", [](KvLayout& l) { l.allocations[0].bytes -= 257; },
     "groups[0].layers[1].part_base[1] = 1063936: the 4864 bytes that the strides span"},
    {"no_allocation", [](KvLayout& l) { l.allocations.clear(); }, "not inside one allocation"},
    {"straddle",
     [](KvLayout& l) { l.allocations = {{1 << 20, 100}, {(1 << 20) + 100, 4 * 5120 - 100}}; },
     "groups[0].layers[0].part_base[0]"},
    {"overlapping_allocations",
     [](KvLayout& l) {
       l.allocations.push_back({2 << 20, 8});
       l.allocations.push_back({(2 << 20) + 7, 8});
     },
     "overlaps the one before it"},
    {"null_allocation", [](KvLayout& l) { l.allocations.push_back({0, 8}); }, "not a run of mem"},
    {"wrapping_allocation", [](KvLayout& l) { l.allocations.push_back({~0ULL - 4, 8}); },
     "not a run of memory"},
    {"stride_overflow", [](KvLayout& l) { layer(l, 0).block_stride = 1ULL << 62; },
     "block_stride = 4611686018427387904 leads beyond the end of the address space"},
    {"tokens_overlap", [](KvLayout& l) { layer(l, 0).token_stride = 0; },
     "groups[0].layers[0].token_stride = 0 is less than the 8 bytes that lie inside it"},
    {"blocks_overlap", [](KvLayout& l) { layer(l, 0).block_stride = 254; },
     "block_stride = 254 is less than the 256 bytes that lie inside it"},
    {"parts_overlap", [](KvLayout& l) { layer(l, 0).part_base[1] = layer(l, 0).part_base[0] + 4; },
     "part_base: the parts are 4 bytes apart, but part 0 spans 8"},
    {"parts_alike", [](KvLayout& l) { layer(l, 0).part_base[1] = layer(l, 0).part_base[0]; },
     "the parts are 0 bytes apart"},
    {"order", [](KvLayout& l) { l.shape.groups[0].inner_order = 5; }, "groups[0].inner_order = 5"},
};

INSTANTIATE_TEST_SUITE_P(check_layout, LayoutIsRefused, ::testing::ValuesIn(kBadLayouts),
                         [](const auto& test) { return test.param.name; });

TEST(CheckLayout, ignores_strides_of_dimensions_with_one_element) {
  KvLayout layout = good_layout();
  layout.shape.groups[0].heads_total = 1;
  layer(layout, 0).head_stride = 3;
  layer(layout, 1).head_stride = ~0ULL;
  EXPECT_TRUE(check_layout(layout).ok());
}

TEST(CheckLayout, lets_groups_alias_each_other) {
  KvLayout layout = good_layout();
  layout.shape.groups.push_back(layout.shape.groups[0]);
  layout.groups.push_back(layout.groups[0]);
  EXPECT_TRUE(check_layout(layout).ok());
}

TEST(CheckLayout, accepts_values_before_keys) {
  KvLayout layout = good_layout();
  std::swap(layer(layout, 0).part_base[0], layer(layout, 0).part_base[1]);
  EXPECT_TRUE(check_layout(layout).ok());
}

TEST(CheckLayout, accepts_a_rank_without_layers) {
  KvLayout layout = good_layout();
  layout.shape.rank.pp_size = 2;
  layout.shape.groups[0].stage_bounds = {0, 0, 2};
  layout.groups[0] = {};
  EXPECT_TRUE(check_layout(layout).ok());
}

TEST(CheckLayout, accepts_the_inner_order_that_the_strides_give) {
  KvLayout layout = good_layout();
  for (KvLayerLayout& each : layout.groups[0].layers) {
    each.part_base[1] = each.part_base[0] + 256;  // K and V of a block together, no padding
  }
  const std::uint64_t order =
      inner_order(layout.shape.groups[0], layout.groups[0], layout.shape.rank);
  ASSERT_NE(order, 0U);
  layout.shape.groups[0].inner_order = order;
  EXPECT_TRUE(check_layout(layout).ok());
}

}  // namespace
}  // namespace pegaflow::core
