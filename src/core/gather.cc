#include "core/gather.h"

#include <algorithm>

#include "base/check.h"
#include "base/crc32c.h"
#include "core/row_copy.h"

namespace pegaflow::core {
namespace {

// Pieces of this size are summed right after (gather) or before (scatter) they are copied, while
// the first-level cache holds them.
constexpr std::uint64_t kPieceBytes = 16U << 10;

std::byte* at_address(std::uint64_t address) {
  return reinterpret_cast<std::byte*>(address);  // NOLINT(performance-no-int-to-ptr)
}

// Copies strips from the pool to the slot. Loops so that it reads in steps as small as possible:
// reads wait for memory, writes don't.
class StripGatherer {
 public:
  StripGatherer(const TokenForm& token, std::byte* slot) : token_(token), slot_(slot) {}

  void copy(const Strip& strip) const {
    std::byte* to = slot_ + strip.offset;
    const std::byte* from = at_address(strip.part_address[0]);
    switch (strip.form) {
      case StripForm::kWhole:
        if (strip.next_address != 0) fetch_ahead(at_address(strip.next_address), strip.bytes);
        return copy_rows({to, 0, from, 0, 1, strip.bytes});
      case StripForm::kTokenRows:
        return copy_rows({to, token_.token_bytes, from, strip.layer->token_stride, strip.tokens,
                          token_.token_bytes});
      case StripForm::kHeadRows:
        return copy_heads(strip, to, from, token_.head_bytes);
      case StripForm::kPartRows:
        copy_heads(strip, to, from, token_.part_bytes[0]);
        return copy_heads(strip, to + token_.part_bytes[0], at_address(strip.part_address[1]),
                          token_.part_bytes[1]);
    }
  }

 private:
  // `bytes` of each head of each token.
  void copy_heads(const Strip& strip, std::byte* to, const std::byte* from,
                  std::uint64_t bytes) const {
    const std::uint64_t head_stride = strip.layer->head_stride;
    const std::uint64_t token_stride = strip.layer->token_stride;
    if (token_.n_heads > 1 && head_stride < token_stride) {
      for (std::uint64_t i = 0; i < strip.tokens; ++i) {
        copy_rows({to + i * token_.token_bytes, token_.head_bytes, from + i * token_stride,
                   head_stride, token_.n_heads, bytes});
      }
      return;
    }
    for (std::uint64_t i = 0; i < token_.n_heads; ++i) {
      copy_rows({to + i * token_.head_bytes, token_.token_bytes, from + i * head_stride,
                 token_stride, strip.tokens, bytes});
    }
  }

  const TokenForm& token_;
  std::byte* slot_;
};

// Copies strips from the slot to the pool, reading the slot in order.
class StripScatterer {
 public:
  StripScatterer(const TokenForm& token, const std::byte* slot) : token_(token), slot_(slot) {}

  void copy(const Strip& strip) const {
    const std::byte* from = slot_ + strip.offset;
    std::byte* to = at_address(strip.part_address[0]);
    switch (strip.form) {
      case StripForm::kWhole:
        return stream_rows({to, 0, from, 0, 1, strip.bytes});
      case StripForm::kTokenRows:
        return stream_rows({to, strip.layer->token_stride, from, token_.token_bytes, strip.tokens,
                            token_.token_bytes});
      case StripForm::kHeadRows:
      case StripForm::kPartRows:
        return copy_heads(strip, from);
    }
  }

 private:
  void copy_heads(const Strip& strip, const std::byte* from) const {
    const bool joined = strip.form == StripForm::kHeadRows;
    for (std::uint64_t i = 0; i < strip.tokens; ++i) {
      const std::uint64_t at = i * strip.layer->token_stride;
      const std::byte* row = from + i * token_.token_bytes;
      copy_row(strip, strip.part_address[0] + at, row,
               joined ? token_.head_bytes : token_.part_bytes[0]);
      if (joined) continue;
      copy_row(strip, strip.part_address[1] + at, row + token_.part_bytes[0], token_.part_bytes[1]);
    }
  }

  // `bytes` of each head of one token.
  void copy_row(const Strip& strip, std::uint64_t to, const std::byte* from,
                std::uint64_t bytes) const {
    stream_rows(
        {at_address(to), strip.layer->head_stride, from, token_.head_bytes, token_.n_heads, bytes});
  }

  const TokenForm& token_;
  const std::byte* slot_;
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
    piece.next_address = left == piece.bytes ? strip.next_address : 0;
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

  template <typename Fn>
  void strips(Fn&& fn) const {
    for_each_strip(plan, cell, shape, group, rank, table, fn);
  }
  // Strips cut to about kPieceBytes.
  template <typename Fn>
  void pieces(Fn&& fn) const {
    strips([&](const Strip& strip) { for_each_piece(token, strip, fn); });
  }

  ChunkCell cell;
  const GroupPlan& plan;
  const KvGroupShape& shape;
  const KvGroupLayout& group;
  const Rank& rank;
  const TableView& table;
  TokenForm token;
};

}  // namespace

void gather(const StreamPlan& plan, ChunkIndex chunk, const KvLayout& layout,
            std::span<const TableView> tables, std::span<std::byte> slot) {
  const ChunkCopy copy(plan, chunk, layout, tables, slot.size());
  const StripGatherer gatherer(copy.token, slot.data());
  copy.strips([&](const Strip& strip) { gatherer.copy(strip); });
}

std::uint32_t gather_crc(const StreamPlan& plan, ChunkIndex chunk, const KvLayout& layout,
                         std::span<const TableView> tables, std::span<std::byte> slot) {
  const ChunkCopy copy(plan, chunk, layout, tables, slot.size());
  const StripGatherer gatherer(copy.token, slot.data());
  SlotSum sum(slot.data(), copy.cell.bytes);
  copy.pieces([&](const Strip& piece) {
    gatherer.copy(piece);
    sum.filled_to(piece.offset + piece.bytes);
  });
  return sum.value();
}

void scatter(const StreamPlan& plan, ChunkIndex chunk, const KvLayout& layout,
             std::span<const TableView> tables, std::span<const std::byte> slot) {
  const ChunkCopy copy(plan, chunk, layout, tables, slot.size());
  const StripScatterer scatterer(copy.token, slot.data());
  copy.strips([&](const Strip& strip) { scatterer.copy(strip); });
  finish_streaming();
}

std::uint32_t scatter_crc(const StreamPlan& plan, ChunkIndex chunk, const KvLayout& layout,
                          std::span<const TableView> tables, std::span<const std::byte> slot) {
  const ChunkCopy copy(plan, chunk, layout, tables, slot.size());
  const StripScatterer scatterer(copy.token, slot.data());
  SlotSum sum(slot.data(), copy.cell.bytes);
  copy.pieces([&](const Strip& piece) {
    sum.needed_to(piece.offset + piece.bytes);
    scatterer.copy(piece);
  });
  finish_streaming();
  return sum.value();
}

}  // namespace pegaflow::core
