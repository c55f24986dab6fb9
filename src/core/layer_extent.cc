#include "core/layer_extent.h"

#include <algorithm>
#include <string>

namespace pegaflow::core {
namespace {

Error overflow(const LayerDim& dim) {
  return {Code::kInvalidArgument, std::string(dim.stride_name) + " = " +
                                      std::to_string(dim.stride) +
                                      " leads beyond the end of the address space"};
}

// span + (extent - 1) · stride
Result<std::uint64_t> widen(std::uint64_t span, const LayerDim& dim) {
  std::uint64_t reach = 0;
  if (__builtin_mul_overflow(dim.extent - 1, dim.stride, &reach) ||
      __builtin_add_overflow(span, reach, &span)) {
    return overflow(dim);
  }
  return span;
}

// K and V as one more dimension, with two spans until the larger strides enclose both.
class PartSpans {
 public:
  PartSpans(const LayerExtent& extent, const KvLayerLayout& layer) : span_(extent.part_bytes) {
    if (extent.n_parts == 1) span_[1] = 0;
    apart_ = extent.n_parts == 2;
    if (!apart_) return;
    lower_ = layer.part_base[1] < layer.part_base[0] ? 1 : 0;
    distance_ = layer.part_base[1 - lower_] - layer.part_base[lower_];
  }

  bool to_join_before(std::uint64_t stride) const { return apart_ && distance_ <= stride; }
  bool apart() const { return apart_; }
  std::uint64_t largest() const { return std::max(span_[0], span_[1]); }

  Status join() {
    if (distance_ < span_[lower_]) {
      return Error(Code::kInvalidArgument, "part_base: the parts are " + std::to_string(distance_) +
                                               " bytes apart, but part " + std::to_string(lower_) +
                                               " spans " + std::to_string(span_[lower_]));
    }
    std::uint64_t both = 0;
    if (__builtin_add_overflow(distance_, span_[1 - lower_], &both)) {
      return Error(Code::kInvalidArgument, "part_base: the parts span the whole address space");
    }
    span_ = {both, both};
    apart_ = false;
    return {};
  }

  Status enclose(const LayerDim& dim) {
    for (std::uint64_t& span : span_) {
      if (span != 0) {
        PEGAFLOW_ASSIGN(span, widen(span, dim));
      }
    }
    return {};
  }

 private:
  std::array<std::uint64_t, 2> span_{};
  bool apart_ = false;
  std::size_t lower_ = 0;
  std::uint64_t distance_ = 0;
};

}  // namespace

LayerExtent layer_extent(const KvGroupShape& group, const KvLayerLayout& layer,
                         std::uint64_t blocks, std::uint64_t heads) {
  LayerExtent extent;
  extent.n_parts = group.opaque() ? 1 : group.parts;
  extent.part_bytes = {group.part_bytes[0], group.part_bytes[1]};
  if (group.opaque()) extent.part_bytes = {group.opaque_block_bytes, 0};
  extent.dims = {
      LayerDim{"block_stride", blocks, layer.block_stride},
      LayerDim{"token_stride", group.opaque() ? 1 : group.block_tokens, layer.token_stride},
      LayerDim{"head_stride", group.opaque() ? 1 : heads, layer.head_stride}};
  for (LayerDim& dim : extent.dims) {
    if (dim.extent <= 1) dim = {dim.stride_name, 1, 0};
  }
  std::stable_sort(extent.dims.begin(), extent.dims.end(),
                   [](const LayerDim& a, const LayerDim& b) { return a.stride < b.stride; });
  return extent;
}

Result<std::uint64_t> part_span(const LayerExtent& extent, std::uint32_t part) {
  std::uint64_t span = extent.part_bytes[part];
  for (const LayerDim& dim : extent.dims) {
    PEGAFLOW_ASSIGN(span, widen(span, dim));
  }
  return span;
}

Result<std::uint64_t> nested_span(const LayerExtent& extent, const KvLayerLayout& layer) {
  PartSpans spans(extent, layer);
  for (const LayerDim& dim : extent.dims) {
    if (dim.extent == 1) continue;
    if (spans.to_join_before(dim.stride)) PEGAFLOW_TRY(spans.join());
    if (dim.stride < spans.largest()) {
      return Error(Code::kInvalidArgument, std::string(dim.stride_name) + " = " +
                                               std::to_string(dim.stride) + " is less than the " +
                                               std::to_string(spans.largest()) +
                                               " bytes that lie inside it");
    }
    PEGAFLOW_TRY(spans.enclose(dim));
  }
  if (spans.apart()) PEGAFLOW_TRY(spans.join());
  return spans.largest();
}

}  // namespace pegaflow::core
