#include "core/plan.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <functional>
#include <map>
#include <tuple>

#include "core/plan_hash.h"
#include "tests/core/layouts.h"
#include "tests/core/scenarios.h"

namespace pegaflow::core {
namespace {

using ::testing::HasSubstr;

constexpr std::uint64_t kChunk = 4ULL << 20;

KvShape shape_with(BlockStyle style, std::uint32_t block_tokens = 4) {
  testing::Instance instance;
  instance.groups = {testing::small_group(6)};
  instance.groups[0].block_tokens = block_tokens;
  instance.styles = {{style, Placement::kPerLayer, 4, 0}};
  return testing::shape_of(instance, 0, 0);
}

Result<StreamPlan> plan_of(const KvShape& source, const KvShape& sink, TokenRange tokens,
                           std::uint64_t chunk_bytes = kChunk) {
  return plan_stream(source, sink, std::span(&tokens, 1), chunk_bytes);
}

WireOrder order_of(const KvShape& source, const KvShape& sink, TokenRange tokens) {
  return plan_of(source, sink, tokens).value().groups.at(0).order;
}

TEST(WireOrder, is_block_when_whole_blocks_lie_alike) {
  const KvShape shape = shape_with(BlockStyle::kBlockPartNhd);
  EXPECT_EQ(order_of(shape, shape, {4, 12}), WireOrder::kBlock);
  const auto plan = plan_of(shape, shape, {4, 12}).value();
  EXPECT_EQ(plan.groups[0].unit_tokens, 4U);
  EXPECT_EQ(plan.groups[0].unit_bytes, 4U * 8 * 16);
  EXPECT_EQ(plan.bytes, 6U * 2 * 4 * 8 * 16);
}

TEST(WireOrder, is_canonical_when_the_range_cuts_a_block) {
  const KvShape shape = shape_with(BlockStyle::kBlockPartNhd);
  EXPECT_EQ(order_of(shape, shape, {4, 13}), WireOrder::kCanonical);
  EXPECT_EQ(order_of(shape, shape, {3, 12}), WireOrder::kCanonical);
}

TEST(WireOrder, is_canonical_when_blocks_lie_differently) {
  EXPECT_EQ(order_of(shape_with(BlockStyle::kBlockPartNhd), shape_with(BlockStyle::kBlockPartHnd),
                     {0, 8}),
            WireOrder::kCanonical);
}

TEST(WireOrder, is_canonical_when_a_block_is_not_one_run) {
  const KvShape shape = shape_with(BlockStyle::kPartNhd);
  EXPECT_EQ(shape.groups[0].inner_order, 0U);
  EXPECT_EQ(order_of(shape, shape, {0, 8}), WireOrder::kCanonical);
}

TEST(WireOrder, is_canonical_when_block_sizes_differ) {
  const KvShape source = shape_with(BlockStyle::kNhdKv);
  KvShape sink = shape_with(BlockStyle::kNhdKv, 8);
  EXPECT_EQ(order_of(source, sink, {0, 8}), WireOrder::kCanonical);
  sink.groups[0].inner_order = source.groups[0].inner_order;  // a peer may claim anything
  EXPECT_EQ(order_of(source, sink, {0, 8}), WireOrder::kCanonical);
}

TEST(WireOrder, is_canonical_when_the_ranks_hold_different_heads) {
  testing::Instance instance;
  instance.groups = {testing::small_group(2)};
  instance.styles = {{BlockStyle::kNhdKv, Placement::kPerLayer, 4, 0}};
  const KvShape whole = testing::shape_of(instance, 0, 0);
  instance.rank.tp_size = 2;
  KvShape half = testing::shape_of(instance, 0, 1);
  EXPECT_EQ(order_of(half, half, {0, 8}), WireOrder::kBlock);
  EXPECT_EQ(order_of(half, whole, {0, 8}), WireOrder::kCanonical);
  half.groups[0].inner_order = whole.groups[0].inner_order;  // a peer may claim anything
  EXPECT_EQ(order_of(half, whole, {0, 8}), WireOrder::kCanonical);
}

TEST(WireOrder, is_canonical_when_a_block_would_not_fit_a_chunk) {
  const KvShape shape = shape_with(BlockStyle::kNhdKv);
  EXPECT_EQ(plan_of(shape, shape, {0, 8}, 511).value().groups[0].order, WireOrder::kCanonical);
  EXPECT_EQ(plan_of(shape, shape, {0, 8}, 512).value().groups[0].order, WireOrder::kBlock);
}

TEST(Plan, moves_opaque_blocks_whole) {
  KvShape shape;
  shape.groups = {testing::opaque_group(3, 100)};
  const auto plan = plan_of(shape, shape, {4, 9}).value();
  ASSERT_EQ(plan.groups.size(), 1U);
  EXPECT_EQ(plan.groups[0].order, WireOrder::kBlock);
  EXPECT_EQ(plan.groups[0].tokens, (TokenRange{4, 12}));
  EXPECT_EQ(plan.bytes, 3U * 2 * 100);
}

TEST(Plan, is_empty_when_nothing_is_wanted_or_shared) {
  const KvShape shape = shape_with(BlockStyle::kNhdKv);
  EXPECT_EQ(plan_of(shape, shape, {5, 5}).value().n_chunks, 0U);
  KvShape upper = shape;
  upper.rank.tp_size = 2;
  KvShape lower = upper;
  lower.rank.tp = 1;
  EXPECT_EQ(plan_of(upper, lower, {0, 8}).value().n_chunks, 0U);
  EXPECT_EQ(plan_of(upper, lower, {0, 8}).value().bytes, 0U);
}

TEST(Plan, numbers_the_chunks_of_its_groups_one_after_the_other) {
  KvShape shape;
  shape.groups = {testing::small_group(2), testing::opaque_group(2, 100), testing::small_group(1)};
  const TokenRange tokens[] = {{0, 10}, {4, 4}, {0, 10}};
  const auto plan = plan_stream(shape, shape, tokens, 300).value();
  ASSERT_EQ(plan.groups.size(), 2U);
  EXPECT_EQ(plan.groups[0].group, 0U);
  EXPECT_EQ(plan.groups[1].group, 2U);
  EXPECT_EQ(plan.groups[1].first_chunk, plan.groups[0].grid.n_chunks());
  EXPECT_EQ(plan.n_chunks, plan.groups[1].first_chunk + plan.groups[1].grid.n_chunks());
  const ChunkCell first = cell(plan, ChunkIndex{plan.groups[1].first_chunk});
  EXPECT_EQ(first.group_index, 1U);
  EXPECT_EQ(first.tokens.begin, 0U);
}

TEST(Plan, numbers_chunks_tile_by_tile) {
  const KvShape shape = shape_with(BlockStyle::kPartNhd);
  const auto plan = plan_of(shape, shape, {0, 8}, 2 * 4 * 128).value();  // 4 tokens, 2 layers
  ASSERT_EQ(plan.groups[0].grid.n_layer_groups, 6U);                     // one layer × 8 tokens
  const auto tall = plan_of(shape, shape, {0, 16}, 4 * 128).value();
  ASSERT_EQ(tall.groups[0].grid.n_layer_groups, 6U);
  EXPECT_EQ(cell(tall, ChunkIndex{7}), (ChunkCell{0, LayerRange{1, 2}, TokenRange{4, 8}, 4 * 128}));
}

struct Mismatch {
  const char* name;
  std::function<void(KvShape&)> change;  // of the sink
  const char* message;
};

void PrintTo(const Mismatch& mismatch, std::ostream* out) { *out << mismatch.name; }

class PoolsDiffer : public ::testing::TestWithParam<Mismatch> {};

TEST_P(PoolsDiffer, and_the_refusal_names_both_values) {
  KvShape source;
  source.rank.tp_size = 2;
  source.groups = {testing::small_group(4), testing::opaque_group(4, 100)};
  source.groups[1].heads_total = 2;
  KvShape sink = source;
  GetParam().change(sink);
  const std::vector<TokenRange> tokens(sink.groups.size(), TokenRange{0, 8});
  const auto plan = plan_stream(source, sink, tokens, kChunk);
  ASSERT_FALSE(plan.ok());
  EXPECT_EQ(plan.error().code(), Code::kInvalidArgument);
  EXPECT_THAT(plan.error().message(), HasSubstr(GetParam().message));
}

const Mismatch kMismatches[] = {
    {"source_shape", [](KvShape& s) { s.rank.tp = 2; }, "sink shape: rank.tp = 2"},
    {"fingerprint", [](KvShape& s) { s.fingerprint[0] = 0xAB; },
     "fingerprint differs: source 0000000000000000…, sink ab00000000000000…"},
    {"groups", [](KvShape& s) { s.groups.pop_back(); }, "groups.size() differs: source 2, sink 1"},
    {"element", [](KvShape& s) { s.groups[0].element_bytes = 1; },
     "groups[0].element_bytes differs: source 2, sink 1"},
    {"parts",
     [](KvShape& s) {
       s.groups[0].parts = 1;
       s.groups[0].part_bytes[1] = 0;
     },
     "groups[0].parts differs: source 2, sink 1"},
    {"part_bytes", [](KvShape& s) { s.groups[0].part_bytes[1] = 16; },
     "groups[0].part_bytes[1] differs: source 8, sink 16"},
    {"heads", [](KvShape& s) { s.groups[0].heads_total = 4; },
     "groups[0].heads_total differs: source 8, sink 4"},
    {"window", [](KvShape& s) { s.groups[0].window = 512; },
     "groups[0].window differs: source 0, sink 512"},
    {"layers", [](KvShape& s) { s.groups[0].stage_bounds = {0, 5}; },
     "groups[0].layers differs: source 4, sink 5"},
    {"opaque",
     [](KvShape& s) {
       s.groups[0] = s.groups[1];
       s.groups[0].heads_total = 8;
     },
     "groups[0].opaque differs: source no, sink yes"},
    {"digest", [](KvShape& s) { s.groups[1].opaque_digest[0] = 8; },
     "groups[1].opaque_digest differs: source 0707070707070707…, sink 0807070707070707…"},
    {"opaque_bytes", [](KvShape& s) { s.groups[1].opaque_block_bytes = 101; },
     "groups[1].opaque_block_bytes differs: source 100, sink 101"},
    {"opaque_tokens", [](KvShape& s) { s.groups[1].block_tokens = 8; },
     "groups[1].block_tokens differs: source 4, sink 8"},
    {"opaque_split", [](KvShape& s) { s.rank.tp_size = 1; },
     "groups[1].heads per rank of an opaque group differs: source 1, sink 2"},
};

INSTANTIATE_TEST_SUITE_P(plan, PoolsDiffer, ::testing::ValuesIn(kMismatches),
                         [](const auto& test) { return test.param.name; });

void expect_refused(const Result<StreamPlan>& plan, Code code, const char* message) {
  ASSERT_FALSE(plan.ok());
  EXPECT_EQ(plan.error().code(), code);
  EXPECT_THAT(plan.error().message(), HasSubstr(message));
}

TEST(Plan, refuses_bad_ranges_and_sizes) {
  const KvShape shape = shape_with(BlockStyle::kNhdKv);
  expect_refused(plan_of(shape, shape, {5, 4}), Code::kInvalidArgument,
                 "groups[0]: tokens [5, 4) is not an ascending range");
  expect_refused(plan_of(shape, shape, {0, kMaxTokens + 1}), Code::kInvalidArgument,
                 "not an ascending range within 1073741824");
  expect_refused(plan_of(shape, shape, {0, 4}, 0), Code::kInvalidArgument, "chunk_bytes = 0");
  expect_refused(plan_of(shape, shape, {0, 4}, kMaxChunkBytes + 1), Code::kInvalidArgument,
                 "chunk_bytes = 1073741825");
  expect_refused(plan_of(shape, shape, {0, 4}, 127), Code::kInvalidArgument,
                 "a token of one layer is 128 bytes, more than chunk_bytes 127");
  expect_refused(plan_stream(shape, shape, {}, kChunk), Code::kInvalidArgument,
                 "0 token ranges for 1 groups");
}

TEST(Plan, refuses_opaque_ranges_that_start_inside_a_block) {
  KvShape shape;
  shape.groups = {testing::opaque_group(1, 100)};
  expect_refused(plan_of(shape, shape, {2, 8}), Code::kInvalidArgument,
                 "tokens [2, 8) does not start on a block of 4");
  expect_refused(plan_of(shape, shape, {0, 8}, 99), Code::kInvalidArgument,
                 "a block of one layer is 100 bytes, more than chunk_bytes 99");
}

TEST(Plan, refuses_more_chunks_than_anyone_can_count) {
  const KvShape shape = shape_with(BlockStyle::kPartNhd);
  expect_refused(plan_of(shape, shape, {0, kMaxTokens}, 1024), Code::kResourceExhausted,
                 "larger chunks are needed");
}

TEST(PlanHash, changes_with_every_field) {
  const KvShape shape = shape_with(BlockStyle::kPartNhd);
  const StreamPlan plan = plan_of(shape, shape, {0, 100}, 4096).value();
  EXPECT_EQ(plan.hash, plan_hash(plan));
  const std::function<void(StreamPlan&)> changes[] = {
      [](StreamPlan& p) { p.groups.clear(); },
      [](StreamPlan& p) { ++p.groups[0].group; },
      [](StreamPlan& p) { p.groups[0].order = WireOrder::kBlock; },
      [](StreamPlan& p) { ++p.groups[0].layers.begin; },
      [](StreamPlan& p) { ++p.groups[0].layers.end; },
      [](StreamPlan& p) { ++p.groups[0].heads.begin; },
      [](StreamPlan& p) { ++p.groups[0].heads.end; },
      [](StreamPlan& p) { ++p.groups[0].tokens.begin; },
      [](StreamPlan& p) { ++p.groups[0].tokens.end; },
      [](StreamPlan& p) { ++p.groups[0].unit_tokens; },
      [](StreamPlan& p) { ++p.groups[0].unit_bytes; },
      [](StreamPlan& p) { ++p.groups[0].grid.origin; },
      [](StreamPlan& p) { ++p.groups[0].grid.tile_tokens; },
      [](StreamPlan& p) { ++p.groups[0].grid.layers_per_chunk; },
      [](StreamPlan& p) { ++p.groups[0].grid.n_tiles; },
      [](StreamPlan& p) { ++p.groups[0].grid.n_layer_groups; },
      [](StreamPlan& p) { ++p.groups[0].first_chunk; },
      [](StreamPlan& p) { ++p.n_chunks; },
      [](StreamPlan& p) { ++p.bytes; },
  };
  for (std::size_t i = 0; i < std::size(changes); ++i) {
    StreamPlan other = plan;
    changes[i](other);
    EXPECT_NE(plan_hash(other), plan.hash) << "change " << i;
  }
}

TEST(PlanHash, is_the_same_in_every_build) { EXPECT_EQ(plan_hash({}), 0xFF230907651F612CU); }

RC_GTEST_PROP(Plan, cells_cover_each_layer_and_token_once, (const testing::Scenario& scenario)) {
  const KvShape source = testing::shape_of(scenario.source, 0, 0);
  const KvShape sink = testing::shape_of(scenario.sink, 0, 0);
  const auto plan = plan_stream(source, sink, scenario.tokens, scenario.chunk_bytes).value();
  std::map<std::tuple<std::uint32_t, std::uint32_t, std::uint32_t>, int> covered;
  std::uint64_t bytes = 0;
  for (std::uint32_t i = 0; i < plan.n_chunks; ++i) {
    const ChunkCell where = cell(plan, ChunkIndex{i});
    RC_ASSERT(where.bytes > 0U);
    RC_ASSERT(where.bytes <= scenario.chunk_bytes);
    bytes += where.bytes;
    for (std::uint32_t layer = where.layers.begin; layer < where.layers.end; ++layer) {
      for (std::uint32_t token = where.tokens.begin; token < where.tokens.end; ++token) {
        RC_ASSERT(++covered[std::tuple(where.group_index, layer, token)] == 1);
      }
    }
  }
  RC_ASSERT(bytes == plan.bytes);
  std::size_t expected = 0;
  for (const GroupPlan& group : plan.groups) {
    expected += std::size_t{group.layers.size()} * group.tokens.size();
  }
  RC_ASSERT(covered.size() == expected);
}

}  // namespace
}  // namespace pegaflow::core
