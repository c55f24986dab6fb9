#include "core/gather.h"

#include <algorithm>
#include <cstring>

#include "base/check.h"
#include "base/crc32c.h"

namespace pegaflow::core {
namespace {

enum class Direction : std::uint8_t { kToSlot, kToPool };

// Pieces of this size are summed right after (gather) or before (scatter) they are copied, while
// the first-level cache holds them.
constexpr std::uint64_t kPieceBytes = 16U << 10;
// Up to here a copy loop beats a call of memcpy.
constexpr std::uint64_t kInlineBytes = 512;

std::byte* at_address(std::uint64_t address) {
  return reinterpret_cast<std::byte*>(address);  // NOLINT(performance-no-int-to-ptr)
}

// `count` rows of `bytes`, each side with its own distance from row to row.
struct Rows {
  std::uint64_t pool = 0, pool_stride = 0;
  std::uint64_t slot = 0, slot_stride = 0;
  std::uint64_t count = 0, bytes = 0;
};

void copy_rows(std::byte* to, std::uint64_t to_stride, const std::byte* from,
               std::uint64_t from_stride, std::uint64_t count, std::uint64_t bytes) {
  constexpr std::uint64_t kStep = 64;
  if (bytes > kInlineBytes || bytes % kStep != 0) {
    for (std::uint64_t i = 0; i < count; ++i) {
      std::memcpy(to + i * to_stride, from + i * from_stride, bytes);
    }
    return;
  }
  for (std::uint64_t i = 0; i < count; ++i) {
    std::byte* row_to = to + i * to_stride;
    const std::byte* row_from = from + i * from_stride;
    for (std::uint64_t done = 0; done < bytes; done += kStep) {
      std::memcpy(row_to + done, row_from + done, kStep);
    }
  }
}

template <Direction kDirection>
class StripCopier {
 public:
  StripCopier(const TokenForm& token, std::byte* slot) : token_(token), slot_(slot) {}

  void copy(const Strip& strip) const {
    switch (strip.form) {
      case StripForm::kWhole:
        return copy({strip.part_address[0], 0, strip.offset, 0, 1, strip.bytes});
      case StripForm::kTokenRows:
        return copy({strip.part_address[0], strip.layer->token_stride, strip.offset,
                     token_.token_bytes, strip.tokens, token_.token_bytes});
      case StripForm::kHeadRows:
        return copy_heads(strip, strip.part_address[0], strip.offset, token_.head_bytes);
      case StripForm::kPartRows:
        copy_heads(strip, strip.part_address[0], strip.offset, token_.part_bytes[0]);
        return copy_heads(strip, strip.part_address[1], strip.offset + token_.part_bytes[0],
                          token_.part_bytes[1]);
    }
  }

 private:
  // `bytes` of each head of each token; the inner loop walks the pool in small steps.
  void copy_heads(const Strip& strip, std::uint64_t pool, std::uint64_t slot,
                  std::uint64_t bytes) const {
    const KvLayerLayout& layer = *strip.layer;
    if (token_.n_heads > 1 && layer.head_stride < layer.token_stride) {
      for (std::uint64_t i = 0; i < strip.tokens; ++i) {
        copy({pool + i * layer.token_stride, layer.head_stride, slot + i * token_.token_bytes,
              token_.head_bytes, token_.n_heads, bytes});
      }
      return;
    }
    for (std::uint64_t i = 0; i < token_.n_heads; ++i) {
      copy({pool + i * layer.head_stride, layer.token_stride, slot + i * token_.head_bytes,
            token_.token_bytes, strip.tokens, bytes});
    }
  }

  void copy(const Rows& rows) const {
    std::byte* pool = at_address(rows.pool);
    std::byte* slot = slot_ + rows.slot;
    if constexpr (kDirection == Direction::kToSlot) {
      copy_rows(slot, rows.slot_stride, pool, rows.pool_stride, rows.count, rows.bytes);
    } else {
      copy_rows(pool, rows.pool_stride, slot, rows.slot_stride, rows.count, rows.bytes);
    }
  }

  const TokenForm& token_;
  std::byte* slot_;
};

// Sums the slot in order, in steps of at least kPieceBytes.
class SlotSum {
 public:
  SlotSum(const std::byte* slot, std::uint64_t bytes) : slot_(slot), bytes_(bytes) {}
  // The slot is filled up to here.
  void filled_to(std::uint64_t end) {
    if (end - summed_ >= kPieceBytes || end == bytes_) sum_to(end);
  }
  // The slot will be read up to here.
  void needed_to(std::uint64_t end) {
    if (end > summed_) sum_to(std::min(bytes_, std::max(end, summed_ + kPieceBytes)));
  }
  std::uint32_t value() const { return value_; }

 private:
  void sum_to(std::uint64_t end) {
    value_ = crc32c({slot_ + summed_, end - summed_}, value_);
    summed_ = end;
  }
  const std::byte* slot_;
  std::uint64_t bytes_;
  std::uint64_t summed_ = 0;
  std::uint32_t value_ = 0;
};

// Calls fn for parts of the strip of about kPieceBytes each: whole tokens, or any bytes of a
// contiguous strip.
template <typename Fn>
void for_each_piece(const TokenForm& token, const Strip& strip, Fn&& fn) {
  if (strip.bytes <= kPieceBytes) return fn(strip);
  Strip piece = strip;
  const bool whole = strip.form == StripForm::kWhole;
  const std::uint64_t tokens =
      whole ? 0 : std::max<std::uint64_t>(1, kPieceBytes / token.token_bytes);
  std::uint64_t left = strip.bytes;
  while (left > 0) {
    piece.bytes = std::min(left, whole ? kPieceBytes : tokens * token.token_bytes);
    const std::uint64_t step = whole ? piece.bytes : tokens * strip.layer->token_stride;
    piece.tokens = whole ? 0 : static_cast<std::uint32_t>(piece.bytes / token.token_bytes);
    fn(static_cast<const Strip&>(piece));
    piece.offset += piece.bytes;
    for (std::uint64_t& address : piece.part_address) address += step;
    left -= piece.bytes;
  }
}

// One chunk, with everything that its copy needs looked up.
struct ChunkCopy {
  ChunkCopy(const StreamPlan& stream, ChunkIndex chunk, const KvLayout& layout,
            std::span<const TableView> tables, std::size_t slot_bytes)
      : cell(core::cell(stream, chunk)),
        plan(stream.groups[cell.group_index]),
        shape(layout.shape.groups[plan.group]),
        group(layout.groups[plan.group]),
        rank(layout.shape.rank),
        table(tables[plan.group]),
        token(token_form(plan, shape)) {
    PEGAFLOW_CHECK(layout.memory == MemoryKind::kHost);
    PEGAFLOW_CHECK(slot_bytes >= cell.bytes);
  }

  template <Direction kDirection>
  void run(std::byte* slot) const {
    const StripCopier<kDirection> copier(token, slot);
    for_each_strip(plan, cell, shape, group, rank, table,
                   [&](const Strip& strip) { copier.copy(strip); });
  }

  template <Direction kDirection>
  std::uint32_t run_summed(std::byte* slot) const {
    const StripCopier<kDirection> copier(token, slot);
    SlotSum sum(slot, cell.bytes);
    const auto copy_piece = [&](const Strip& piece) {
      const std::uint64_t end = piece.offset + piece.bytes;
      if constexpr (kDirection == Direction::kToPool) sum.needed_to(end);
      copier.copy(piece);
      if constexpr (kDirection == Direction::kToSlot) sum.filled_to(end);
    };
    for_each_strip(plan, cell, shape, group, rank, table,
                   [&](const Strip& strip) { for_each_piece(token, strip, copy_piece); });
    return sum.value();
  }

  ChunkCell cell;
  const GroupPlan& plan;
  const KvGroupShape& shape;
  const KvGroupLayout& group;
  const Rank& rank;
  const TableView& table;
  TokenForm token;
};

// Scattering only reads the slot; one copier serves both directions.
std::byte* readable(std::span<const std::byte> slot) {
  return const_cast<std::byte*>(slot.data());  // NOLINT(cppcoreguidelines-pro-type-const-cast)
}

}  // namespace

void gather(const StreamPlan& plan, ChunkIndex chunk, const KvLayout& layout,
            std::span<const TableView> tables, std::span<std::byte> slot) {
  ChunkCopy(plan, chunk, layout, tables, slot.size()).run<Direction::kToSlot>(slot.data());
}

std::uint32_t gather_crc(const StreamPlan& plan, ChunkIndex chunk, const KvLayout& layout,
                         std::span<const TableView> tables, std::span<std::byte> slot) {
  return ChunkCopy(plan, chunk, layout, tables, slot.size())
      .run_summed<Direction::kToSlot>(slot.data());
}

void scatter(const StreamPlan& plan, ChunkIndex chunk, const KvLayout& layout,
             std::span<const TableView> tables, std::span<const std::byte> slot) {
  ChunkCopy(plan, chunk, layout, tables, slot.size()).run<Direction::kToPool>(readable(slot));
}

std::uint32_t scatter_crc(const StreamPlan& plan, ChunkIndex chunk, const KvLayout& layout,
                          std::span<const TableView> tables, std::span<const std::byte> slot) {
  return ChunkCopy(plan, chunk, layout, tables, slot.size())
      .run_summed<Direction::kToPool>(readable(slot));
}

}  // namespace pegaflow::core
