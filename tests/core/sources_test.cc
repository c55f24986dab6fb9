#include "core/sources.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <map>
#include <tuple>

#include "core/plan.h"
#include "tests/core/layouts.h"
#include "tests/core/scenarios.h"

namespace pegaflow::core {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::Scenario;

// All ranks of an instance with one group of four layers.
std::vector<KvShape> instance(std::uint32_t heads, std::uint32_t tp_size,
                              std::uint32_t pp_size = 1) {
  testing::Instance result;
  result.rank.tp_size = tp_size;
  result.rank.pp_size = pp_size;
  result.groups = {testing::small_group(4, pp_size)};
  result.groups[0].heads_total = heads;
  result.styles = {{BlockStyle::kPartNhd, Placement::kPerLayer, 4, 0}};
  return testing::shapes_of(result);
}

std::vector<std::uint32_t> selected(std::span<const KvShape> sources, const KvShape& sink) {
  return select_sources(sources, sink).value();
}

TEST(SelectSources, pairs_equal_ranks) {
  const auto source = instance(8, 4, 2);
  const auto sink = instance(8, 4, 2);
  for (std::uint32_t i = 0; i < 8; ++i) EXPECT_THAT(selected(source, sink[i]), ElementsAre(i));
}

TEST(SelectSources, takes_every_rank_that_holds_some_of_the_heads) {
  const auto source = instance(8, 8);
  const auto sink = instance(8, 2);
  EXPECT_THAT(selected(source, sink[0]), ElementsAre(0, 1, 2, 3));
  EXPECT_THAT(selected(source, sink[1]), ElementsAre(4, 5, 6, 7));
}

TEST(SelectSources, takes_every_stage_that_holds_some_of_the_layers) {
  auto source = instance(8, 1, 2);
  for (KvShape& rank : source) rank.groups[0].stage_bounds = {0, 1, 4};
  auto sink = instance(8, 1, 2);
  EXPECT_THAT(selected(source, sink[0]), ElementsAre(0, 1));
  EXPECT_THAT(selected(source, sink[1]), ElementsAre(1));
}

TEST(SelectSources, pairs_replicas_of_equal_tensor_sizes) {
  const auto source = instance(1, 8);
  const auto sink = instance(1, 8);
  for (std::uint32_t i = 0; i < 8; ++i) EXPECT_THAT(selected(source, sink[i]), ElementsAre(i));
  EXPECT_THAT(ranks_not_read(source, sink[0]), IsEmpty());
}

TEST(SelectSources, spreads_few_sinks_over_many_replicas) {
  const auto source = instance(1, 8);
  const auto sink = instance(1, 2);
  EXPECT_THAT(selected(source, sink[0]), ElementsAre(0));
  EXPECT_THAT(selected(source, sink[1]), ElementsAre(4));
  EXPECT_THAT(ranks_not_read(source, sink[0]), ElementsAre(1, 2, 3, 5, 6, 7));
}

TEST(SelectSources, spreads_data_parallel_sinks_over_replicas) {
  const auto source = instance(1, 8);
  std::vector<std::uint32_t> read;
  for (std::uint32_t dp = 0; dp < 8; ++dp) {
    KvShape sink = instance(1, 1)[0];
    sink.rank.dp_size = 8;
    sink.rank.dp = dp;
    const auto chosen = selected(source, sink);
    read.insert(read.end(), chosen.begin(), chosen.end());
  }
  EXPECT_THAT(read, ElementsAre(0, 1, 2, 3, 4, 5, 6, 7));
}

TEST(SelectSources, accepts_ranks_in_any_order) {
  auto source = instance(8, 4);
  std::reverse(source.begin(), source.end());
  EXPECT_THAT(selected(source, instance(8, 4)[1]), ElementsAre(2));
  EXPECT_THAT(selected(source, instance(8, 2)[0]), ElementsAre(2, 3));
}

TEST(SelectSources, names_the_rank_that_is_not_known_yet) {
  auto source = instance(8, 4, 2);
  source.erase(source.begin() + 6);
  const KvShape sink = instance(8, 2, 1)[1];
  const auto result = select_sources(source, sink);
  ASSERT_FALSE(result.ok());
  EXPECT_EQ(result.error().code(), Code::kUnavailable);
  EXPECT_THAT(
      result.error().message(),
      HasSubstr("source rank (dp 0 of 1, pp 1 of 2, tp 2 of 4) is needed by sink rank (dp 0 "
                "of 1, pp 0 of 1, tp 1 of 2)"));
  EXPECT_TRUE(select_sources(source, instance(8, 2, 1)[0]).ok()) << "it does not need that rank";
}

TEST(SelectSources, waits_for_the_first_rank) {
  const auto result = select_sources({}, instance(8, 1)[0]);
  ASSERT_FALSE(result.ok());
  EXPECT_EQ(result.error().code(), Code::kUnavailable);
}

TEST(SelectSources, refuses_a_rank_given_twice) {
  auto source = instance(8, 2);
  source[1] = source[0];
  const auto result = select_sources(source, instance(8, 1)[0]);
  ASSERT_FALSE(result.ok());
  EXPECT_EQ(result.error().code(), Code::kInvalidArgument);
  EXPECT_THAT(result.error().message(), HasSubstr("given twice"));
}

TEST(SelectSources, refuses_ranks_of_different_instances) {
  auto source = instance(8, 2);
  source[1] = instance(8, 4)[1];
  EXPECT_THAT(select_sources(source, instance(8, 1)[0]).error().message(),
              HasSubstr("not of one dp of one instance"));
  source = instance(8, 1, 2);
  source[1].groups[0].stage_bounds = {0, 3, 4};
  EXPECT_THAT(select_sources(source, instance(8, 1)[0]).error().message(),
              HasSubstr("differ in groups[0].stage_bounds"));
}

TEST(SelectSources, refuses_an_incompatible_source) {
  auto source = instance(8, 1);
  source[0].groups[0].window = 4;
  const auto result = select_sources(source, instance(8, 1)[0]);
  EXPECT_EQ(result.error().code(), Code::kInvalidArgument);
  EXPECT_THAT(result.error().message(), HasSubstr("groups[0].window differs: source 4, sink 0"));
}

RC_GTEST_PROP(Sources, cover_each_layer_and_head_of_a_sink_exactly_once,
              (const Scenario& scenario)) {
  const auto sources = testing::shapes_of(scenario.source);
  const std::vector<TokenRange> one_block(scenario.tokens.size(), TokenRange{0, 1});
  for (const KvShape& sink : testing::shapes_of(scenario.sink)) {
    std::map<std::tuple<std::uint32_t, std::uint32_t, std::uint32_t>, int> covered;
    const auto chosen = selected(sources, sink);
    for (const std::uint32_t index : chosen) {
      const auto plan = plan_stream(sources[index], sink, one_block, scenario.chunk_bytes).value();
      for (const GroupPlan& group : plan.groups) {
        for (std::uint32_t layer = group.layers.begin; layer < group.layers.end; ++layer) {
          for (std::uint32_t head = group.heads.begin; head < group.heads.end; ++head) {
            ++covered[{group.group, layer, head}];
          }
        }
      }
    }
    std::size_t held = 0;
    for (const KvGroupShape& group : sink.groups) {
      held += std::size_t{layers_of(group, sink.rank).size()} * heads_of(group, sink.rank).size();
    }
    RC_ASSERT(covered.size() == held);
    for (const auto& entry : covered) RC_ASSERT(entry.second == 1);
  }
}

RC_GTEST_PROP(Sources, agree_with_consumers_and_ranks_not_read, (const Scenario& scenario)) {
  const auto sources = testing::shapes_of(scenario.source);
  const auto sinks = testing::shapes_of(scenario.sink);
  std::vector<std::uint32_t> readers(sources.size(), 0);
  for (const KvShape& sink : sinks) {
    for (const std::uint32_t index : selected(sources, sink)) {
      RC_ASSERT(reads(sources[index], sink));
      ++readers[index];
    }
  }
  const KvShape& any = sinks[scenario.seed % sinks.size()];
  std::vector<std::uint32_t> unread;
  for (std::uint32_t i = 0; i < sources.size(); ++i) {
    RC_ASSERT(consumers(sources[i], any) == readers[i]);
    if (readers[i] == 0) unread.push_back(i);
  }
  RC_ASSERT(ranks_not_read(sources, any) == unread);
}

}  // namespace
}  // namespace pegaflow::core
