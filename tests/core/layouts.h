// Pools in ordinary memory, and a reference that reads and writes them one byte at a time by the
// formula of kv_layout.h. Deliberately ignorant of src/core's copy code, which is tested with it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <vector>

#include "core/layout_builder.h"
#include "pegaflow/kv_layout.h"

namespace pegaflow::core::testing {

// One byte of a model's KV cache, independent of ranks and layouts.
struct KvByte {
  std::uint32_t group = 0;
  std::uint32_t layer = 0;  // in the whole group
  std::uint32_t token = 0;  // position in the sequence; opaque: the block's first token
  std::uint32_t head = 0;   // in the whole model; opaque: the rank's first head
  std::uint32_t part = 0;
  std::uint64_t byte = 0;  // within one head of one token; opaque: within the block
};

// What a byte of the sequence `seed` should hold. Neighbours differ.
std::byte expected_byte(std::uint64_t seed, const KvByte& at);

// A group as tests use it: 8 heads, K and V of 8 bytes each, 2-byte elements, blocks of 4 tokens.
KvGroupShape small_group(std::uint32_t layers, std::uint32_t pp_size = 1);
// A group of opaque blocks of 4 tokens, replicated on all tensor ranks.
KvGroupShape opaque_group(std::uint32_t layers, std::uint64_t block_bytes,
                          std::uint32_t pp_size = 1);

// A pool with memory of its own, filled with junk. Moving it keeps its addresses.
class TestPool {
 public:
  // Aborts when the shape or the styles are bad.
  TestPool(KvShape shape, std::span<const GroupStyle> styles);
  TestPool(TestPool&&) = default;
  TestPool(const TestPool&) = delete;  // the layout names this pool's memory

  const KvLayout& layout() const { return layout_; }
  const KvShape& shape() const { return layout_.shape; }

  // The byte, by the formula. `ids` is the group's block table from the sequence's first token.
  std::byte& at(const KvByte& byte, std::span<const std::uint32_t> ids);

  // Writes expected_byte to every byte of this rank in tokens [begin, end) of a group (opaque: of
  // all blocks that hold one of them).
  void fill(std::uint64_t seed, std::uint32_t group, std::uint32_t begin, std::uint32_t end,
            std::span<const std::uint32_t> ids);

  // All memory, to compare with; allocations in order.
  const std::vector<std::vector<std::byte>>& memory() const { return memory_; }
  void restore(const std::vector<std::vector<std::byte>>& memory);

 private:
  std::vector<std::vector<std::byte>> memory_;
  KvLayout layout_;
};

// Calls fn for every byte of `shape`'s rank in tokens [begin, end) of a group, in canonical order.
void for_each_byte(const KvShape& shape, std::uint32_t group, std::uint32_t begin,
                   std::uint32_t end, const std::function<void(const KvByte&)>& fn);

}  // namespace pegaflow::core::testing
