#include "client/gather_progress.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <memory>
#include <optional>
#include <set>
#include <vector>

#include "core/plan.h"
#include "core/ranks.h"
#include "tests/core/layouts.h"
#include "tests/core/scenarios.h"

namespace pegaflow::client {
namespace {

using core::testing::opaque_group;
using core::testing::small_group;

constexpr std::uint32_t kTokens = 40;
constexpr std::uint32_t kBlock = 4;

// An offer of one small group (blocks of 4 tokens), read whole by an equal pool.
class Progress : public ::testing::Test {
 protected:
  explicit Progress(KvGroupShape group = small_group(4), std::uint64_t chunk_bytes = 2048) {
    shape_.groups = {group};
    const std::vector<core::TokenRange> all{{0, kTokens}};
    plan_ = core::plan_stream(shape_, shape_, all, chunk_bytes).value();
    ready_ = std::make_unique<ReadyMap>(std::vector<std::uint32_t>{4}, kTokens);
    tables_.emplace_back(kTokens, 4, 1000);
    progress_ = std::make_unique<GatherProgress>(plan_, std::vector<std::uint32_t>{0});
  }
  void map_blocks(std::uint32_t n) {
    std::vector<std::uint32_t> ids(n);
    for (std::uint32_t i = 0; i < n; ++i) ids[i] = i;
    ASSERT_TRUE(tables_[0].extend(0, ids).ok());
  }
  bool update(std::uint64_t now = 1, std::uint32_t at_least = 1) {
    return progress_->update(*ready_, tables_, now, at_least);
  }
  std::uint32_t take_all() {
    std::uint32_t taken = 0;
    for (; progress_->next(); ++taken) progress_->take(*progress_->next());
    return taken;
  }

  KvShape shape_;
  core::StreamPlan plan_;
  std::unique_ptr<ReadyMap> ready_;
  std::vector<BlockTable> tables_;
  std::unique_ptr<GatherProgress> progress_;
};

TEST_F(Progress, a_chunk_needs_tokens_and_blocks) {
  ready_->mark_all(kTokens);
  EXPECT_FALSE(update());
  EXPECT_FALSE(progress_->next().has_value());
  map_blocks(10);
  EXPECT_TRUE(update());
  EXPECT_EQ(progress_->ready(), plan_.n_chunks);
}

TEST_F(Progress, a_chunk_needs_all_its_layers) {
  ASSERT_LT(plan_.groups[0].grid.layers_per_chunk, 4U);
  map_blocks(10);
  ASSERT_TRUE(ready_->mark(0, {0, plan_.groups[0].grid.layers_per_chunk}, {0, kTokens}).ok());
  update();
  EXPECT_EQ(progress_->ready(), plan_.groups[0].grid.n_tiles);
}

TEST_F(Progress, early_tokens_come_first) {
  map_blocks(10);
  ready_->mark_all(kTokens);
  update();
  for (std::uint32_t i = 0; i < plan_.n_chunks; ++i) {
    ASSERT_EQ(progress_->next(), ChunkIndex{i});
    progress_->take(ChunkIndex{i});
  }
  EXPECT_FALSE(progress_->next().has_value());
}

TEST_F(Progress, what_is_too_little_for_a_burst_waits_for_more_or_for_the_end) {
  map_blocks(10);
  const std::uint32_t burst = plan_.n_chunks / 2;
  std::uint32_t bursts = 0;
  for (std::uint32_t end = kBlock; end <= kTokens; end += kBlock) {
    const std::uint32_t before = progress_->ready();
    ready_->mark_all(end);
    if (!update(end, burst)) continue;
    ++bursts;
    const std::uint32_t more = progress_->ready() - before;
    EXPECT_TRUE(more >= burst || progress_->ready() == plan_.n_chunks) << more;
    EXPECT_EQ(progress_->ready_ns(ChunkIndex{progress_->ready() - 1}), end);
  }
  EXPECT_EQ(progress_->ready(), plan_.n_chunks);
  EXPECT_LE(bursts, 2U);
}

TEST_F(Progress, what_is_taken_back_never_waits) {
  map_blocks(10);
  const std::uint32_t half = plan_.groups[0].grid.layers_per_chunk;
  ASSERT_LT(half, 4U);
  ASSERT_TRUE(ready_->mark(0, {0, half}, {0, kTokens}).ok());
  update();
  ready_->rewind(0);
  ASSERT_TRUE(ready_->mark(0, {half, 2 * half}, {0, kTokens}).ok());
  EXPECT_FALSE(update(2, plan_.n_chunks));  // as many as before
  EXPECT_EQ(progress_->next(), ChunkIndex{1}) << "the first chunk is of layers that were rewound";
}

TEST_F(Progress, taken_chunks_stay_counted_after_a_rewind) {
  map_blocks(10);
  ready_->mark_all(kTokens);
  update();
  progress_->take(*progress_->next());
  ready_->rewind(0);
  EXPECT_TRUE(update());
  EXPECT_EQ(progress_->ready(), 1U);
  EXPECT_FALSE(progress_->next().has_value());
}

TEST_F(Progress, what_is_computed_again_is_ready_again) {
  map_blocks(10);
  ready_->mark_all(kTokens);
  update(1);
  progress_->take(ChunkIndex{0});
  ready_->rewind(0);
  update(2);
  ready_->mark_all(kTokens);
  update(3);
  EXPECT_EQ(progress_->ready(), plan_.n_chunks);
  EXPECT_EQ(progress_->ready_ns(ChunkIndex{1}), 3U);
  EXPECT_EQ(take_all(), plan_.n_chunks - 1);
}

TEST_F(Progress, a_chunk_given_back_is_next_again) {
  map_blocks(10);
  ready_->mark_all(kTokens);
  update();
  take_all();
  progress_->give_back(ChunkIndex{1});
  EXPECT_EQ(progress_->next(), ChunkIndex{1});
  progress_->take(ChunkIndex{1});
  EXPECT_FALSE(progress_->next().has_value());
  update();
  EXPECT_EQ(progress_->ready(), plan_.n_chunks);
}

TEST_F(Progress, ready_times_are_those_of_the_update_that_found_them) {
  map_blocks(10);
  ready_->mark_all(kTokens / 2);
  update(5);
  ready_->mark_all(kTokens);
  update(9);
  EXPECT_EQ(progress_->ready_ns(ChunkIndex{0}), 5U);
  EXPECT_EQ(progress_->ready_ns(ChunkIndex{plan_.n_chunks - 1}), 9U);
}

class OpaqueProgress : public Progress {
 protected:
  OpaqueProgress() : Progress(opaque_group(4, 512)) {}
};

TEST_F(OpaqueProgress, the_last_block_is_ready_with_the_last_token) {
  const std::vector<core::TokenRange> part{{0, 38}};
  plan_ = core::plan_stream(shape_, shape_, part, 1024).value();
  ASSERT_EQ(plan_.groups[0].tokens.end, 40U);
  ready_ = std::make_unique<ReadyMap>(std::vector<std::uint32_t>{4}, 38);
  progress_ = std::make_unique<GatherProgress>(plan_, std::vector<std::uint32_t>{0});
  map_blocks(10);
  ready_->mark_all(37);
  update();
  EXPECT_LT(progress_->ready(), plan_.n_chunks);
  ready_->mark_all(38);
  update();
  EXPECT_EQ(progress_->ready(), plan_.n_chunks);
}

// What "ready" means, said chunk by chunk.
bool ready_by_definition(const core::StreamPlan& plan, ChunkIndex chunk, const ReadyMap& ready,
                         const std::vector<BlockTable>& tables,
                         const std::vector<std::uint32_t>& first_layers) {
  const core::ChunkCell cell = core::cell(plan, chunk);
  const std::uint32_t group = plan.groups[cell.group_index].group;
  const std::uint32_t first = first_layers[group];
  const std::uint32_t end = std::min(cell.tokens.end, ready.n_tokens());
  return ready.ready_end(group, cell.layers.begin - first, cell.layers.end - first) >= end &&
         tables[group].covered_end() >= end;
}

void random_step(ReadyMap& ready, std::vector<BlockTable>& tables, const KvShape& shape) {
  const auto n_tokens = ready.n_tokens();
  const auto group = *rc::gen::inRange<std::uint32_t>(0, ready.groups());
  switch (*rc::gen::inRange(0, 4)) {
    case 0: {
      const auto blocks =
          *rc::gen::inRange<std::uint32_t>(0, n_tokens / shape.groups[group].block_tokens + 2);
      RC_ASSERT(tables[group].extend(0, std::vector<std::uint32_t>(blocks, 0)).ok());
      return;
    }
    case 1:
      ready.rewind(*rc::gen::inRange<std::uint32_t>(0, n_tokens + 1));
      return;
    default: {
      if (ready.layers(group) == 0) return;
      const auto layer = *rc::gen::inRange<std::uint32_t>(0, ready.layers(group));
      const auto end = *rc::gen::inRange<std::uint32_t>(0, n_tokens + 1);
      RC_ASSERT(ready.mark(group, {layer, ready.layers(group)}, {0, end}).ok());
      return;
    }
  }
}

// A source stream of a random model, whose engine computes, and takes back, what it likes.
struct RandomSource {
  explicit RandomSource(const core::testing::Scenario& scenario)
      : shape(core::testing::shape_of(scenario.source, 0, 0)),
        plan(core::plan_stream(shape, core::testing::shape_of(scenario.sink, 0, 0), scenario.tokens,
                               scenario.chunk_bytes)
                 .value()) {
    std::vector<std::uint32_t> layers;
    for (const KvGroupShape& group : shape.groups) {
      first.push_back(core::layers_of(group, shape.rank).begin);
      layers.push_back(core::layers_of(group, shape.rank).size());
      tables.emplace_back(core::testing::kSequence, group.block_tokens, 1);
    }
    ready = std::make_unique<ReadyMap>(layers, core::testing::kSequence);
    progress = std::make_unique<GatherProgress>(plan, first);
  }
  bool is_ready(std::uint32_t chunk) const {
    return ready_by_definition(plan, ChunkIndex{chunk}, *ready, tables, first);
  }
  // Chunks that are ready or taken.
  std::uint32_t count() const {
    std::uint32_t found = 0;
    for (std::uint32_t i = 0; i < plan.n_chunks; ++i) found += is_ready(i) || taken.contains(i);
    return found;
  }
  void take(ChunkIndex chunk) {
    progress->take(chunk);
    taken.insert(chunk.value);
  }
  void maybe_give_back() {
    if (taken.empty() || *rc::gen::inRange(0, 4) != 0) return;
    progress->give_back(ChunkIndex{*taken.begin()});
    taken.erase(taken.begin());
  }

  KvShape shape;
  core::StreamPlan plan;
  std::vector<std::uint32_t> first;
  std::vector<BlockTable> tables;
  std::unique_ptr<ReadyMap> ready;
  std::unique_ptr<GatherProgress> progress;
  std::set<std::uint32_t> taken;
};

RC_GTEST_PROP(GatherProgressProperty, agrees_with_the_definition,
              (const core::testing::Scenario& scenario)) {
  RandomSource source(scenario);
  for (int step = 0; step < 30; ++step) {
    random_step(*source.ready, source.tables, source.shape);
    source.progress->update(*source.ready, source.tables, 1);
    RC_ASSERT(source.progress->ready() == source.count());
    std::optional<ChunkIndex> lowest;
    for (std::uint32_t i = source.plan.n_chunks; i-- > 0;) {
      if (source.is_ready(i) && !source.taken.contains(i)) lowest = ChunkIndex{i};
    }
    // Out of order only where a chunk was given back below a rewound one.
    RC_ASSERT(source.progress->next().has_value() == lowest.has_value());
    if (lowest && *rc::gen::arbitrary<bool>()) {
      RC_ASSERT(source.progress->next() == lowest);
      source.take(*lowest);
    } else {
      source.maybe_give_back();
    }
  }
}

RC_GTEST_PROP(GatherProgressProperty, in_bursts_nothing_is_told_that_is_not_ready_or_for_ever_held,
              (const core::testing::Scenario& scenario)) {
  RandomSource source(scenario);
  const auto at_least = *rc::gen::inRange<std::uint32_t>(2, 9);
  for (int step = 0; step < 30; ++step) {
    random_step(*source.ready, source.tables, source.shape);
    source.progress->update(*source.ready, source.tables, 1, at_least);
    const std::uint32_t count = source.count();
    const std::uint32_t told = source.progress->ready();
    RC_ASSERT(told <= count);
    RC_ASSERT(count - told < at_least);
    if (count == source.plan.n_chunks) RC_ASSERT(told == count);
    const auto next = source.progress->next();
    if (next) RC_ASSERT(source.is_ready(next->value));
    if (next) RC_ASSERT(!source.taken.contains(next->value));
    if (next && *rc::gen::arbitrary<bool>()) {
      source.take(*next);
    } else {
      source.maybe_give_back();
    }
  }
}

}  // namespace
}  // namespace pegaflow::client
