#include "core/inner_order.h"

#include <algorithm>
#include <optional>

#include "core/layer_extent.h"
#include "core/ranks.h"

namespace pegaflow::core {
namespace {

// All that fixes where a block's elements lie relative to its first byte.
struct BlockOrder {
  std::uint64_t heads = 0, tokens = 0;
  std::uint64_t token_stride = 0, head_stride = 0;  // 0 where there is only one
  std::uint64_t second_part = 0;                    // part 1's offset from part 0, wrapping
  std::uint64_t part_bytes[2] = {0, 0};
  bool operator==(const BlockOrder&) const = default;
};

// The order of one layer's blocks; nothing when they are not contiguous.
std::optional<BlockOrder> block_order(const KvGroupShape& shape, const KvLayerLayout& layer,
                                      std::uint64_t heads) {
  const LayerExtent one_block = layer_extent(shape, layer, 1, heads);
  const auto span = nested_span(one_block, layer);
  const std::uint64_t head_bytes = std::uint64_t{shape.part_bytes[0]} + shape.part_bytes[1];
  if (!span.ok() || *span != heads * head_bytes * shape.block_tokens) return std::nullopt;
  BlockOrder order;
  order.heads = heads;
  order.tokens = shape.block_tokens;
  if (order.tokens > 1) order.token_stride = layer.token_stride;
  if (order.heads > 1) order.head_stride = layer.head_stride;
  if (shape.parts == 2) order.second_part = layer.part_base[1] - layer.part_base[0];
  order.part_bytes[0] = shape.part_bytes[0];
  order.part_bytes[1] = shape.part_bytes[1];
  return order;
}

// splitmix64's finisher: spreads every input bit over the whole word.
std::uint64_t mix(std::uint64_t state, std::uint64_t value) {
  std::uint64_t x = (state ^ value) + 0x9E3779B97F4A7C15ULL;
  x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9ULL;
  x = (x ^ (x >> 27)) * 0x94D049BB133111EBULL;
  return x ^ (x >> 31);
}

std::uint64_t digest(const BlockOrder& order) {
  std::uint64_t state = 1;  // version of this digest
  for (const std::uint64_t value :
       {order.heads, order.tokens, order.token_stride, order.head_stride, order.second_part,
        order.part_bytes[0], order.part_bytes[1]}) {
    state = mix(state, value);
  }
  return std::max<std::uint64_t>(state, 1);  // 0 means: no order
}

}  // namespace

std::uint64_t inner_order(const KvGroupShape& shape, const KvGroupLayout& layout,
                          const Rank& rank) {
  if (shape.opaque() || layout.layers.empty()) return 0;
  const std::uint64_t heads = heads_of(shape, rank).size();
  const auto first = block_order(shape, layout.layers.front(), heads);
  if (!first) return 0;
  const bool all_alike = std::all_of(
      layout.layers.begin(), layout.layers.end(),
      [&](const KvLayerLayout& layer) { return block_order(shape, layer, heads) == first; });
  return all_alike ? digest(*first) : 0;
}

}  // namespace pegaflow::core
