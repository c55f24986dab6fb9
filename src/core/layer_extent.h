// LayerExtent: the bytes that one layer of a layout can name, and whether two coordinates share
// any. For check_layout and inner_order; not for other folders.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

#include "pegaflow/kv_layout.h"
#include "pegaflow/result.h"

namespace pegaflow::core {

// One dimension of a layer's coordinates.
struct LayerDim {
  std::string_view stride_name;
  std::uint64_t extent = 0;
  std::uint64_t stride = 0;
};

struct LayerExtent {
  std::uint32_t n_parts = 0;
  std::array<std::uint64_t, 2> part_bytes{};  // contiguous: one head of one token; opaque: a block
  std::array<LayerDim, 3> dims{};             // ascending stride; those of extent 1 have stride 0
};

// `blocks`, `heads`: how many of each. Opaque groups have one part and one dimension.
LayerExtent layer_extent(const KvGroupShape& group, const KvLayerLayout& layer,
                         std::uint64_t blocks, std::uint64_t heads);

// Bytes from the part's base to the end of its last byte. kInvalidArgument on overflow.
Result<std::uint64_t> part_span(const LayerExtent& extent, std::uint32_t part);

// Bytes from the layer's lowest byte to the end of its highest. kInvalidArgument if two coordinates
// may share a byte: strides must nest, each at least the span of all that lies inside it.
Result<std::uint64_t> nested_span(const LayerExtent& extent, const KvLayerLayout& layer);

}  // namespace pegaflow::core
