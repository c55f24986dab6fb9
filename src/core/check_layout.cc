#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

#include "core/check_shape.h"
#include "core/inner_order.h"
#include "core/layer_extent.h"
#include "core/ranks.h"

namespace pegaflow::core {
namespace {

Error bad(std::string message) { return {Code::kInvalidArgument, std::move(message)}; }

std::string text(std::uint64_t value) { return std::to_string(value); }

std::string path(std::string_view list, std::size_t index) {
  return std::string(list) + "[" + text(index) + "]";
}

// `path`.`error`
Error inside(const std::string& path, const Error& error) {
  return {error.code(), path + "." + error.message()};
}

std::string describe(const MemoryRange& range) {
  return text(range.bytes) + " bytes at " + text(range.address);
}

// The allocations by address, known to be disjoint.
class Allocations {
 public:
  static Result<Allocations> make(const std::vector<MemoryRange>& ranges) {
    if (ranges.size() > kMaxAllocations) {
      return bad("allocations.size() = " + text(ranges.size()) + ", expected at most " +
                 text(kMaxAllocations));
    }
    Allocations result;
    result.sorted_ = ranges;
    std::sort(result.sorted_.begin(), result.sorted_.end(),
              [](const auto& a, const auto& b) { return a.address < b.address; });
    std::uint64_t end = 0;
    for (const MemoryRange& range : result.sorted_) {
      if (range.address == 0 || range.bytes == 0 || range.bytes > kMaxAllocationBytes ||
          range.bytes > ~range.address) {
        return bad("allocations: " + describe(range) + " is not a run of memory");
      }
      if (range.address < end) {
        return bad("allocations: " + describe(range) + " overlaps the one before it");
      }
      end = range.address + range.bytes;
    }
    return result;
  }

  bool contain(std::uint64_t address, std::uint64_t bytes) const {
    auto after = std::upper_bound(
        sorted_.begin(), sorted_.end(), address,
        [](std::uint64_t at, const MemoryRange& range) { return at < range.address; });
    if (after == sorted_.begin()) return false;
    const MemoryRange& range = *--after;
    const std::uint64_t skipped = address - range.address;
    return skipped <= range.bytes && bytes <= range.bytes - skipped;
  }

 private:
  std::vector<MemoryRange> sorted_;
};

Status check_aligned(const std::string& field, std::uint64_t value, std::uint32_t element) {
  if (value % element == 0) return {};
  return bad(field + " = " + text(value) + " is not a multiple of element_bytes " + text(element));
}

Status check_part(const LayerExtent& extent, const KvLayerLayout& layer, std::uint32_t part,
                  std::uint32_t element, const Allocations& allocations) {
  const std::string field = path("part_base", part);
  const std::uint64_t base = layer.part_base[part];
  PEGAFLOW_TRY(check_aligned(field, base, element));
  PEGAFLOW_ASSIGN(const std::uint64_t span, part_span(extent, part));
  if (allocations.contain(base, span)) return {};
  return bad(field + " = " + text(base) + ": the " + text(span) +
             " bytes that the strides span from there are not inside one allocation");
}

Status check_layer(const KvGroupShape& group, const KvLayerLayout& layer, std::uint64_t blocks,
                   std::uint64_t heads, const Allocations& allocations) {
  const LayerExtent extent = layer_extent(group, layer, blocks, heads);
  const std::uint32_t element = std::max(1U, group.element_bytes);  // opaque: any address will do
  for (const LayerDim& dim : extent.dims) {
    PEGAFLOW_TRY(check_aligned(std::string(dim.stride_name), dim.stride, element));
  }
  for (std::uint32_t part = 0; part < extent.n_parts; ++part) {
    PEGAFLOW_TRY(check_part(extent, layer, part, element, allocations));
  }
  const auto span = nested_span(extent, layer);
  return span.ok() ? Status() : Status(span.error());
}

Status check_group(const KvGroupShape& shape, const KvGroupLayout& group, const Rank& rank,
                   const Allocations& allocations) {
  const std::uint32_t layers = layers_of(shape, rank).size();
  if (group.layers.size() != layers) {
    return bad("layers.size() = " + text(group.layers.size()) + ", but the shape gives pp rank " +
               text(rank.pp) + " " + text(layers));
  }
  const std::uint32_t fewest = group.layers.empty() ? 0 : 1;
  if (group.n_blocks < fewest || group.n_blocks > kMaxBlocks) {
    return bad("n_blocks = " + text(group.n_blocks) + ", expected " + text(fewest) + " to " +
               text(kMaxBlocks));
  }
  const std::uint32_t heads = heads_of(shape, rank).size();
  for (std::size_t i = 0; i < group.layers.size(); ++i) {
    const Status status = check_layer(shape, group.layers[i], group.n_blocks, heads, allocations);
    if (!status.ok()) return inside(path("layers", i), status.error());
  }
  const std::uint64_t order = inner_order(shape, group, rank);
  if (shape.inner_order != 0 && shape.inner_order != order) {
    return bad("inner_order = " + text(shape.inner_order) + " in the shape, but the strides give " +
               text(order));
  }
  return {};
}

}  // namespace

Status check_layout(const KvLayout& layout) {
  const Status shape = check_shape(layout.shape);
  if (!shape.ok()) return inside("shape", shape.error());
  if ((layout.memory == MemoryKind::kHost) != layout.shape.gpu_uuid.empty()) {
    return bad("shape.gpu_uuid = '" + layout.shape.gpu_uuid + "', but the memory is " +
               (layout.memory == MemoryKind::kHost ? "the host's" : "a GPU's"));
  }
  if (layout.groups.size() != layout.shape.groups.size()) {
    return bad("groups.size() = " + text(layout.groups.size()) + ", but the shape has " +
               text(layout.shape.groups.size()));
  }
  PEGAFLOW_ASSIGN(const Allocations allocations, Allocations::make(layout.allocations));
  for (std::size_t i = 0; i < layout.groups.size(); ++i) {
    const Status status =
        check_group(layout.shape.groups[i], layout.groups[i], layout.shape.rank, allocations);
    if (!status.ok()) return inside(path("groups", i), status.error());
  }
  return {};
}

}  // namespace pegaflow::core
