// Where the bytes of a chunk lie in a pool: runs (maximal contiguous pieces, for copy engines and
// tests) and strips (one block of one layer, for copy loops). Addresses only: nothing here touches
// the pool's memory, so it serves host and GPU pools alike. Pure; thread safe.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <span>

#include "core/plan.h"
#include "core/ranks.h"
#include "pegaflow/kv_layout.h"
#include "pegaflow/result.h"

namespace pegaflow::core {

// A piece of a sequence's block table: ids[i] is the id of the sequence's block first_block + i;
// token t lies in block t / block_tokens. Does not own the ids.
struct TableView {
  std::span<const std::uint32_t> ids;
  std::uint32_t first_block = 0;
};

// Does the table cover the plan's tokens, with ids below n_blocks? kInvalidArgument if not. Checked
// once, before copying; the copies themselves trust it.
Status check_table(const GroupPlan& plan, const KvGroupShape& shape, std::uint32_t n_blocks,
                   const TableView& table);
// check_table for all groups of the plan; `tables` has one view per group of the shape.
Status check_tables(const StreamPlan& plan, const KvLayout& layout,
                    std::span<const TableView> tables);

// How much of a strip is contiguous in the pool, from most to least.
enum class StripForm : std::uint8_t {
  kWhole,      // the whole strip
  kTokenRows,  // each token
  kHeadRows,   // each head of each token
  kPartRows,   // each part of each head of each token
};

// The bytes of one token of one layer on the wire: constant over a group's plan.
struct TokenForm {
  std::uint32_t n_parts = 0;
  std::array<std::uint32_t, 2> part_bytes{};
  std::uint32_t n_heads = 0;
  std::uint64_t head_bytes = 0;   // all parts
  std::uint64_t token_bytes = 0;  // all heads
};

// Tokens of one block of one layer that a chunk holds. In block order: the whole block.
struct Strip {
  std::array<std::uint64_t, 2> part_address{};  // of the strip's first token and head
  std::uint64_t offset = 0;                     // in the slot
  std::uint64_t bytes = 0;
  std::uint32_t tokens = 0;
  StripForm form = StripForm::kWhole;
  const KvLayerLayout* layer = nullptr;
  // Where the layer's next strip begins, so that copy loops may fetch ahead; 0: this is the last.
  std::uint64_t next_address = 0;
};

TokenForm token_form(const GroupPlan& plan, const KvGroupShape& shape);
StripForm strip_form(const GroupPlan& plan, const TokenForm& token, const KvGroupShape& shape,
                     const KvLayerLayout& layer);

// Calls fn(const Strip&) for each block of each layer of the cell, in slot order: the strips tile
// the slot's first cell.bytes bytes without gap. `rank` is the rank whose layout this is.
// REQUIRES check_layout, check_table.
template <typename Fn>
void for_each_strip(const GroupPlan& plan, const ChunkCell& cell, const KvGroupShape& shape,
                    const KvGroupLayout& layout, const Rank& rank, const TableView& table, Fn&& fn);

// Calls fn(std::uint64_t address, std::uint64_t offset_in_slot, std::uint64_t bytes) for each run
// of the cell, in slot order; runs tile the slot as strips do and are as long as the layout and
// the table allow (across tokens, blocks and layers). REQUIRES as for_each_strip.
template <typename Fn>
void for_each_run(const GroupPlan& plan, const ChunkCell& cell, const KvGroupShape& shape,
                  const KvGroupLayout& layout, const Rank& rank, const TableView& table, Fn&& fn);

// Implementation.

namespace internal {

// Joins pieces that continue each other; slot order makes the offsets continue by themselves.
template <typename Fn>
class RunMerger {
 public:
  explicit RunMerger(Fn& fn) : fn_(fn) {}
  void add(std::uint64_t address, std::uint64_t bytes) {
    if (address == address_ + bytes_) {
      bytes_ += bytes;
      return;
    }
    flush();
    address_ = address;
    bytes_ = bytes;
  }
  void flush() {
    if (bytes_ != 0) fn_(address_, offset_, bytes_);
    offset_ += bytes_;
    bytes_ = 0;
  }

 private:
  Fn& fn_;
  std::uint64_t address_ = 0, offset_ = 0, bytes_ = 0;
};

template <typename Merger>
void add_heads(const TokenForm& token, const Strip& strip, std::uint64_t at, Merger& merger) {
  for (std::uint32_t head = 0; head < token.n_heads; ++head) {
    const std::uint64_t in_block = at + head * strip.layer->head_stride;
    if (strip.form == StripForm::kHeadRows) {
      merger.add(strip.part_address[0] + in_block, token.head_bytes);
      continue;
    }
    for (std::uint32_t part = 0; part < token.n_parts; ++part) {
      merger.add(strip.part_address[part] + in_block, token.part_bytes[part]);
    }
  }
}

template <typename Merger>
void add_strip(const TokenForm& token, const Strip& strip, Merger& merger) {
  if (strip.form == StripForm::kWhole) {
    merger.add(strip.part_address[0], strip.bytes);
    return;
  }
  for (std::uint32_t i = 0; i < strip.tokens; ++i) {
    const std::uint64_t at = i * strip.layer->token_stride;
    if (strip.form == StripForm::kTokenRows) {
      merger.add(strip.part_address[0] + at, token.token_bytes);
    } else {
      add_heads(token, strip, at, merger);
    }
  }
}

}  // namespace internal

template <typename Fn>
void for_each_strip(const GroupPlan& plan, const ChunkCell& cell, const KvGroupShape& shape,
                    const KvGroupLayout& layout, const Rank& rank, const TableView& table,
                    Fn&& fn) {
  const TokenForm token = token_form(plan, shape);
  const std::uint32_t first_layer = layers_of(shape, rank).begin;
  const std::uint64_t first_head = plan.heads.begin - heads_of(shape, rank).begin;
  const std::uint32_t first_in_block = cell.tokens.begin % shape.block_tokens;
  const std::uint32_t* const first_id =
      table.ids.data() + (cell.tokens.begin / shape.block_tokens - table.first_block);
  const bool block_order = plan.order == WireOrder::kBlock;
  Strip strip;
  for (std::uint32_t number = cell.layers.begin; number < cell.layers.end; ++number) {
    const KvLayerLayout& layer = layout.layers[number - first_layer];
    strip.layer = &layer;
    strip.form = strip_form(plan, token, shape, layer);
    // A block's run starts at its lower part; the parts' order in it is the same on both sides.
    const bool second_first =
        block_order && shape.parts == 2 && layer.part_base[1] < layer.part_base[0];
    std::uint32_t in_block = first_in_block;
    const std::uint32_t* id = first_id;
    for (std::uint32_t at = cell.tokens.begin; at < cell.tokens.end; at += strip.tokens) {
      strip.tokens = std::min(shape.block_tokens - in_block, cell.tokens.end - at);
      strip.bytes = block_order ? plan.unit_bytes : strip.tokens * plan.unit_bytes;
      const std::uint64_t shift =
          *id * layer.block_stride + in_block * layer.token_stride + first_head * layer.head_stride;
      strip.part_address = {layer.part_base[second_first ? 1 : 0] + shift,
                            layer.part_base[1] + shift};
      const bool last = at + strip.tokens >= cell.tokens.end;
      strip.next_address = last ? 0
                                : layer.part_base[second_first ? 1 : 0] +
                                      id[1] * layer.block_stride + first_head * layer.head_stride;
      fn(static_cast<const Strip&>(strip));
      strip.offset += strip.bytes;
      in_block = 0;
      ++id;
    }
  }
}

template <typename Fn>
void for_each_run(const GroupPlan& plan, const ChunkCell& cell, const KvGroupShape& shape,
                  const KvGroupLayout& layout, const Rank& rank, const TableView& table, Fn&& fn) {
  const TokenForm token = token_form(plan, shape);
  internal::RunMerger merger(fn);
  for_each_strip(plan, cell, shape, layout, rank, table,
                 [&](const Strip& strip) { internal::add_strip(token, strip, merger); });
  merger.flush();
}

}  // namespace pegaflow::core
