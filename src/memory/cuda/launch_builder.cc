#include "memory/cuda/launch_builder.h"

#include <algorithm>

#include "base/check.h"

namespace pegaflow::memory::cuda {
namespace {

constexpr std::uint64_t kShortestStripe = 16U << 10;
constexpr std::uint64_t kLongestStripe = 64U << 10;
// How often a CTA takes a stripe at least, where there is enough: in each round some slots come to
// their end, which the other side need not wait for. But short stripes are slow: each ends with a
// fence (between two H200 16 KiB reach 315 GB/s, 64 KiB 365).
constexpr std::uint64_t kRounds = 2;

std::uint64_t address_of(const void* at) { return reinterpret_cast<std::uint64_t>(at); }

std::uint32_t blocks_of(const core::TokenRange& tokens, std::uint32_t block_tokens) {
  return (tokens.end - 1) / block_tokens - tokens.begin / block_tokens + 1;
}

// The slot's inner dimensions. Block order: a block takes a token's place, and has no inside.
void set_form(LaunchSlot& slot, const core::GroupPlan& plan, const core::ChunkCell& cell,
              const KvGroupShape& shape, std::uint32_t unit) {
  const auto units = [unit](std::uint64_t bytes) {
    return static_cast<std::uint32_t>(bytes / unit);
  };
  slot.units = units(cell.bytes);
  slot.by_layer = make_divider(units(cell.bytes / cell.layers.size()));
  slot.by_token = make_divider(units(plan.unit_bytes));
  if (plan.order == core::WireOrder::kBlock) {
    slot.by_head = slot.by_token;
    slot.part0_units = slot.by_token.divisor;
    return;
  }
  const core::TokenForm token = core::token_form(plan, shape);
  slot.by_head = make_divider(units(token.head_bytes));
  slot.part0_units = units(token.part_bytes[0]);
  slot.by_block = make_divider(shape.block_tokens);
  slot.first_in_block = cell.tokens.begin % shape.block_tokens;
}

}  // namespace

BuiltSlot build_slot(const MoveJob& job, const GroupLayers& layers) {
  const core::ChunkCell cell = core::cell(*job.plan, job.chunk);
  const core::GroupPlan& plan = job.plan->groups[cell.group_index];
  const KvGroupShape& shape = job.layout->shape.groups[plan.group];
  const Rank& rank = job.layout->shape.rank;
  const core::TableView& table = job.tables[plan.group];
  PEGAFLOW_CHECK(job.slot.size() >= cell.bytes);
  BuiltSlot built;
  built.unit_bytes = layers.alignment;
  LaunchSlot& slot = built.slot;
  slot = {};
  slot.slot = address_of(job.slot.data());
  set_form(slot, plan, cell, shape, built.unit_bytes);
  slot.first_layer = layers.first + cell.layers.begin - core::layers_of(shape, rank).begin;
  slot.first_head = plan.heads.begin - core::heads_of(shape, rank).begin;
  slot.second_first = plan.order == core::WireOrder::kBlock && layers.second_first ? 1 : 0;
  slot.n_ids = blocks_of(cell.tokens, shape.block_tokens);
  built.ids =
      table.ids.subspan(cell.tokens.begin / shape.block_tokens - table.first_block, slot.n_ids);
  if (job.direction == MoveDirection::kGather) {
    slot.header = address_of(job.header);
    slot.word = address_of(job.word);
    slot.filled_word = job.filled_word;
  } else {
    slot.checksum = job.checksum;
  }
  return built;
}

std::uint64_t most_ids(const core::StreamPlan& plan, const KvShape& shape) {
  std::uint64_t most = 0;
  for (const core::GroupPlan& group : plan.groups) {
    const std::uint64_t tokens = std::min(group.grid.tile_tokens, group.tokens.size());
    most = std::max(most, tokens / shape.groups[group.group].block_tokens + 2);
  }
  return most;
}

std::uint32_t stripe_units(std::uint64_t bytes, std::uint32_t unit_bytes, std::uint32_t ctas) {
  constexpr std::uint64_t kStep = kShortestStripe;
  const std::uint64_t even = (bytes / (kRounds * ctas) + kStep - 1) / kStep * kStep;
  return static_cast<std::uint32_t>(std::clamp(even, kShortestStripe, kLongestStripe) / unit_bytes);
}

}  // namespace pegaflow::memory::cuda
