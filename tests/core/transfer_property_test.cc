// Whole transfers, every sink rank from all its sources, against a byte-by-byte reference.
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <deque>
#include <numeric>
#include <random>

#include "base/crc32c.h"
#include "core/gather.h"
#include "core/sources.h"
#include "tests/core/layouts.h"
#include "tests/core/scenarios.h"

namespace pegaflow::core {
namespace {

using testing::Instance;
using testing::KvByte;
using testing::Scenario;
using testing::TestPool;

constexpr std::uint64_t kSeed = 42;
constexpr std::uint32_t kMargin = 16;  // bytes behind each slot that nobody may touch

// A block table from the sequence's first token, and the piece of it that a transfer is given.
struct Table {
  std::vector<std::uint32_t> ids;
  TableView view;
};

// One rank with its pool and tables.
struct Endpoint {
  Endpoint(const Instance& instance, std::uint32_t pp, std::uint32_t tp,
           const std::vector<TokenRange>& tokens, std::mt19937& random)
      : pool(testing::shape_of(instance, pp, tp), instance.styles) {
    for (std::size_t i = 0; i < tokens.size(); ++i) add_table(instance, i, tokens[i], random);
  }

  void add_table(const Instance& instance, std::size_t index, const TokenRange& tokens,
                 std::mt19937& random) {
    Table& table = tables.emplace_back();
    table.ids.resize(instance.styles[index].n_blocks);
    std::iota(table.ids.begin(), table.ids.end(), 0);
    if (random() % 4 != 0) std::shuffle(table.ids.begin(), table.ids.end(), random);
    const std::uint32_t first = tokens.begin / instance.groups[index].block_tokens;
    table.view.first_block = static_cast<std::uint32_t>(random() % (first + 1));
    table.view.ids = std::span(table.ids).subspan(table.view.first_block);
    views.push_back(table.view);
  }

  TestPool pool;
  std::deque<Table> tables;
  std::vector<TableView> views;
};

// The slot's bytes by the definition of the wire orders.
std::vector<std::byte> reference_slot(const GroupPlan& plan, const ChunkCell& cell,
                                      Endpoint& source) {
  std::vector<std::byte> bytes;
  const KvGroupShape& group = source.pool.shape().groups[plan.group];
  const auto& ids = source.tables[plan.group].ids;
  KvByte at;
  at.group = plan.group;
  at.head = plan.heads.begin;
  for (at.layer = cell.layers.begin; at.layer < cell.layers.end; ++at.layer) {
    if (plan.order == WireOrder::kBlock) {
      const KvLayerLayout& layer =
          source.pool.layout()
              .groups[plan.group]
              .layers[at.layer - layers_of(group, source.pool.shape().rank).begin];
      at.token = cell.tokens.begin;
      for (; at.token < cell.tokens.end; at.token += group.block_tokens) {
        std::uint64_t lowest = layer.part_base[0];
        if (group.parts == 2) lowest = std::min(lowest, layer.part_base[1]);
        const auto* block = reinterpret_cast<const std::byte*>(
            lowest + ids[at.token / group.block_tokens] * layer.block_stride);
        bytes.insert(bytes.end(), block, block + plan.unit_bytes);
      }
      continue;
    }
    for (at.token = cell.tokens.begin; at.token < cell.tokens.end; ++at.token) {
      for (at.head = plan.heads.begin; at.head < plan.heads.end; ++at.head) {
        for (at.part = 0; at.part < group.parts; ++at.part) {
          for (at.byte = 0; at.byte < group.part_bytes[at.part]; ++at.byte) {
            bytes.push_back(testing::expected_byte(kSeed, at));
          }
        }
      }
    }
  }
  return bytes;
}

// Runs tile the slot in order, name the right bytes and could not be longer.
void check_runs(const GroupPlan& plan, const ChunkCell& cell, Endpoint& end,
                std::span<const std::byte> slot) {
  const KvLayout& layout = end.pool.layout();
  std::uint64_t filled = 0;
  std::uint64_t last_end = 0;
  for_each_run(
      plan, cell, layout.shape.groups[plan.group], layout.groups[plan.group], layout.shape.rank,
      end.views[plan.group], [&](std::uint64_t address, std::uint64_t offset, std::uint64_t bytes) {
        RC_ASSERT(offset == filled);
        RC_ASSERT(bytes > 0U);
        RC_ASSERT(address != last_end);
        const auto* from = reinterpret_cast<const std::byte*>(address);
        RC_ASSERT(std::equal(from, from + bytes, slot.begin() + static_cast<long>(offset)));
        filled += bytes;
        last_end = address + bytes;
      });
  RC_ASSERT(filled == cell.bytes);
}

// Gathers a chunk in both ways, checks both, and scatters it in one of the two.
void move_chunk(const StreamPlan& plan, ChunkIndex chunk, Endpoint& source, Endpoint& sink,
                bool summed) {
  const ChunkCell where = cell(plan, chunk);
  const GroupPlan& group = plan.groups[where.group_index];
  std::vector<std::byte> slot(where.bytes + kMargin, std::byte{0xEE});
  gather(plan, chunk, source.pool.layout(), source.views, slot);
  const std::span<const std::byte> content(slot.data(), where.bytes);
  const auto expected = reference_slot(group, where, source);
  RC_ASSERT(std::equal(content.begin(), content.end(), expected.begin(), expected.end()));
  RC_ASSERT(std::all_of(slot.end() - kMargin, slot.end(),
                        [](std::byte b) { return b == std::byte{0xEE}; }));
  check_runs(group, where, source, content);

  std::vector<std::byte> again(where.bytes);
  const std::uint32_t sum = gather_crc(plan, chunk, source.pool.layout(), source.views, again);
  RC_ASSERT(std::equal(content.begin(), content.end(), again.begin(), again.end()));
  RC_ASSERT(sum == crc32c(content));
  if (summed) {
    RC_ASSERT(scatter_crc(plan, chunk, sink.pool.layout(), sink.views, slot) == sum);
  } else {
    scatter(plan, chunk, sink.pool.layout(), sink.views, slot);
  }
}

void move_stream(const Scenario& scenario, Endpoint& source, Endpoint& sink, std::mt19937& random) {
  const auto plan =
      plan_stream(source.pool.shape(), sink.pool.shape(), scenario.tokens, scenario.chunk_bytes);
  RC_ASSERT(plan.ok());
  RC_ASSERT(check_tables(*plan, source.pool.layout(), source.views).ok());
  RC_ASSERT(check_tables(*plan, sink.pool.layout(), sink.views).ok());
  std::vector<std::uint32_t> chunks(plan->n_chunks);
  std::iota(chunks.begin(), chunks.end(), 0);
  std::shuffle(chunks.begin(), chunks.end(), random);
  for (const std::uint32_t chunk : chunks) {
    move_chunk(*plan, ChunkIndex{chunk}, source, sink, random() % 2 == 0);
  }
}

// After a receive, the sink's memory is what the reference makes of its old content.
void check_sink(const Scenario& scenario, Endpoint& sink,
                const std::vector<std::vector<std::byte>>& before) {
  const auto after = sink.pool.memory();
  sink.pool.restore(before);
  for (std::uint32_t i = 0; i < scenario.tokens.size(); ++i) {
    const TokenRange& tokens = scenario.tokens[i];
    if (!tokens.empty()) {
      sink.pool.fill(kSeed, i, tokens.begin, tokens.end, sink.tables[i].ids);
    }
  }
  RC_ASSERT(sink.pool.memory() == after);
}

std::deque<Endpoint> filled_sources(const Scenario& scenario, std::mt19937& random) {
  std::deque<Endpoint> sources;
  for (std::uint32_t pp = 0; pp < scenario.source.rank.pp_size; ++pp) {
    for (std::uint32_t tp = 0; tp < scenario.source.rank.tp_size; ++tp) {
      Endpoint& end = sources.emplace_back(scenario.source, pp, tp, scenario.tokens, random);
      for (std::uint32_t i = 0; i < scenario.tokens.size(); ++i) {
        end.pool.fill(kSeed, i, 0, testing::kSequence, end.tables[i].ids);
      }
    }
  }
  return sources;
}

RC_GTEST_PROP(Transfer, moves_any_layout_to_any_layout, (const Scenario& scenario)) {
  std::mt19937 random(scenario.seed);
  std::deque<Endpoint> sources = filled_sources(scenario, random);
  std::vector<KvShape> shapes;
  for (const Endpoint& source : sources) shapes.push_back(source.pool.shape());
  for (std::uint32_t pp = 0; pp < scenario.sink.rank.pp_size; ++pp) {
    for (std::uint32_t tp = 0; tp < scenario.sink.rank.tp_size; ++tp) {
      Endpoint sink(scenario.sink, pp, tp, scenario.tokens, random);
      const auto before = sink.pool.memory();
      const auto selected = select_sources(shapes, sink.pool.shape());
      RC_ASSERT(selected.ok());
      for (const std::uint32_t index : *selected) {
        move_stream(scenario, sources[index], sink, random);
      }
      check_sink(scenario, sink, before);
    }
  }
}

}  // namespace
}  // namespace pegaflow::core
