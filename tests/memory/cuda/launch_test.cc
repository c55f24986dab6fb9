// What launches are told, played through on the host: the kernels' arithmetic without a GPU.
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <atomic>
#include <cstring>
#include <numeric>
#include <random>

#include "core/gather.h"
#include "core/sources.h"
#include "memory/cuda/launch_builder.h"
#include "tests/core/layouts.h"
#include "tests/core/scenarios.h"

namespace pegaflow::memory::cuda {
namespace {

using core::testing::Scenario;
using core::testing::TestPool;

// As a kernel copies a slot, with host addresses.
std::vector<std::byte> gather_as_kernels_do(const BuiltSlot& built, const KvGroupLayout& group,
                                            std::uint32_t first_layer) {
  const std::uint32_t bytes = built.unit_bytes;
  std::vector<std::byte> slot(std::uint64_t{built.slot.units} * bytes);
  for (std::uint32_t unit = 0; unit < built.slot.units; ++unit) {
    const UnitPlace place = place_of(built.slot, unit);
    RC_ASSERT(place.block < built.slot.n_ids);
    const LayerAddress layer =
        layer_address(group.layers[built.slot.first_layer - first_layer + place.layer]);
    const std::uint64_t from = address_of(built.slot, place, layer, built.ids[place.block], bytes);
    // NOLINTNEXTLINE(performance-no-int-to-ptr)
    std::memcpy(slot.data() + std::uint64_t{unit} * bytes, reinterpret_cast<void*>(from), bytes);
  }
  return slot;
}

void check_chunk(const core::StreamPlan& plan, ChunkIndex chunk, const TestPool& pool,
                 std::span<const core::TableView> tables) {
  constexpr std::uint32_t kFirstLayer = 100;  // other pools are before this one in the table
  const core::ChunkCell cell = core::cell(plan, chunk);
  const core::GroupPlan& group = plan.groups[cell.group_index];
  std::vector<std::byte> expected(cell.bytes);
  core::gather(plan, chunk, pool.layout(), tables, expected);
  std::vector<std::byte> slot(cell.bytes);
  SlotHeader header;
  std::atomic<std::uint64_t> word{0};
  MoveJob job;
  job.plan = &plan;
  job.chunk = chunk;
  job.layout = &pool.layout();
  job.tables = tables;
  job.slot = slot;
  job.header = &header;
  job.word = &word;
  const BuiltSlot built = build_slot(job, describe(pool.layout(), group.group, kFirstLayer));
  RC_ASSERT(built.ids.size() <= most_ids(plan, pool.layout().shape));
  RC_ASSERT(gather_as_kernels_do(built, pool.layout().groups[group.group], kFirstLayer) ==
            expected);
}

RC_GTEST_PROP(Launch, names_the_bytes_that_host_copies_name, (const Scenario& scenario)) {
  std::mt19937 random(scenario.seed);
  const auto sources = core::testing::shapes_of(scenario.source);
  for (const KvShape& sink : core::testing::shapes_of(scenario.sink)) {
    const std::vector<std::uint32_t> selected = core::select_sources(sources, sink).value();
    for (const std::uint32_t index : selected) {
      TestPool pool(sources[index], scenario.source.styles);
      std::vector<std::vector<std::uint32_t>> ids;
      std::vector<core::TableView> tables;
      for (const KvGroupLayout& group : pool.layout().groups) {
        auto& table = ids.emplace_back(group.n_blocks);
        std::iota(table.begin(), table.end(), 0);
        std::shuffle(table.begin(), table.end(), random);
      }
      for (const auto& table : ids) tables.push_back({table, 0});
      const auto plan =
          core::plan_stream(pool.shape(), sink, scenario.tokens, scenario.chunk_bytes).value();
      for (std::uint32_t i = 0; i < plan.n_chunks; ++i) {
        check_chunk(plan, ChunkIndex{i}, pool, tables);
      }
    }
  }
}

RC_GTEST_PROP(Launch, divides_as_division_does, (std::uint32_t value, std::uint32_t divisor)) {
  value %= 1U << 31U;
  divisor = divisor % (1U << 31U) + 1;
  for (const std::uint32_t by : {divisor, divisor % 1000 + 1}) {
    RC_ASSERT(divide(value, make_divider(by)) == value / by);
  }
}

TEST(Launch, stripes_are_whole_units_and_neither_short_nor_long) {
  EXPECT_EQ(stripe_units(1, 16, 128), 1024U);
  EXPECT_EQ(stripe_units(8U << 20, 16, 128), 2048U);
  EXPECT_EQ(stripe_units(std::uint64_t{1} << 30, 1, 1), 64U << 10);
}

}  // namespace
}  // namespace pegaflow::memory::cuda
