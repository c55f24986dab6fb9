#include "core/layout_builder.h"

#include <string>
#include <utility>

#include "core/check_shape.h"
#include "core/inner_order.h"
#include "core/ranks.h"

namespace pegaflow::core {
namespace {

Error bad(std::string message) { return {Code::kInvalidArgument, std::move(message)}; }

// One block of one layer, as its style says. Offsets from the block's first byte.
struct BlockForm {
  std::uint64_t token_stride = 0;
  std::uint64_t head_stride = 0;
  std::uint64_t second_part = 0;  // where part 1 starts; parts in tensors of their own: 0
  std::uint64_t bytes = 0;        // of all parts; parts in tensors of their own: of one
};

bool heads_first(BlockStyle style) {
  return style == BlockStyle::kPartHnd || style == BlockStyle::kBlockPartHnd ||
         style == BlockStyle::kHndKv;
}

bool parts_joined(BlockStyle style) {
  return style == BlockStyle::kNhdKv || style == BlockStyle::kHndKv;
}

bool parts_apart(BlockStyle style) {
  return style == BlockStyle::kPartNhd || style == BlockStyle::kPartHnd;
}

Result<BlockForm> block_form(const KvGroupShape& shape, std::uint64_t heads, BlockStyle style) {
  if (shape.opaque()) return BlockForm{0, 0, 0, shape.opaque_block_bytes};
  if (!parts_joined(style) && shape.parts == 2 && shape.part_bytes[0] != shape.part_bytes[1]) {
    return bad("parts of " + std::to_string(shape.part_bytes[0]) + " and " +
               std::to_string(shape.part_bytes[1]) + " bytes need a block style with K‖V together");
  }
  const std::uint64_t head_bytes = parts_joined(style)
                                       ? std::uint64_t{shape.part_bytes[0]} + shape.part_bytes[1]
                                       : shape.part_bytes[0];
  const std::uint64_t tokens = shape.block_tokens;
  BlockForm form;
  form.head_stride = heads_first(style) ? head_bytes * tokens : head_bytes;
  form.token_stride = heads_first(style) ? head_bytes : head_bytes * heads;
  form.bytes = head_bytes * heads * tokens;
  if (parts_joined(style)) {
    form.second_part = shape.part_bytes[0];
  } else if (!parts_apart(style) && shape.parts == 2) {
    form.second_part = form.bytes;
    form.bytes *= 2;
  }
  return form;
}

// Places the layers of one group, one after the other.
class GroupBuilder {
 public:
  GroupBuilder(const KvGroupShape& shape, const GroupStyle& style, const BlockForm& form,
               const Allocate& allocate, KvLayout& layout)
      : style_(style), form_(form), allocate_(allocate), layout_(layout) {
    two_tensors_ = !shape.opaque() && shape.parts == 2 && parts_apart(style.block);
    two_parts_ = !shape.opaque() && shape.parts == 2;
    block_bytes_ = form.bytes + style.block_padding;
  }

  Result<KvGroupLayout> build(std::uint32_t n_layers) {
    KvGroupLayout group;
    group.n_blocks = style_.n_blocks;
    if (n_layers == 0) return group;
    const std::uint64_t tensors = two_tensors_ ? 2 : 1;
    const std::uint64_t tensor_bytes = block_bytes_ * style_.n_blocks;
    if (style_.placement != Placement::kPerLayer) {
      PEGAFLOW_ASSIGN(base_, take(tensor_bytes * tensors * n_layers));
    }
    for (std::uint32_t i = 0; i < n_layers; ++i) {
      PEGAFLOW_ASSIGN(const auto bases, tensor_bases(i, n_layers, tensor_bytes, tensors));
      group.layers.push_back(layer(bases, n_layers));
    }
    return group;
  }

 private:
  Result<std::uint64_t> take(std::uint64_t bytes) {
    PEGAFLOW_ASSIGN(const std::uint64_t address, allocate_(bytes));
    layout_.allocations.push_back({address, bytes});
    return address;
  }

  // Where the layer's first (K, or the only) and second (V) tensor start.
  Result<std::array<std::uint64_t, 2>> tensor_bases(std::uint32_t index, std::uint32_t n_layers,
                                                    std::uint64_t tensor_bytes,
                                                    std::uint64_t tensors) {
    std::array<std::uint64_t, 2> bases{};
    switch (style_.placement) {
      case Placement::kPerLayer:
        for (std::uint64_t i = 0; i < tensors; ++i) {
          PEGAFLOW_ASSIGN(bases[i], take(tensor_bytes));
        }
        break;
      case Placement::kLayerFirst:
        bases[0] = base_ + index * tensors * tensor_bytes;
        bases[1] = bases[0] + tensor_bytes;
        break;
      case Placement::kBlockFirst:
        bases[0] = base_ + index * block_bytes_;
        bases[1] = bases[0] + n_layers * tensor_bytes;
        break;
    }
    return bases;
  }

  KvLayerLayout layer(const std::array<std::uint64_t, 2>& bases, std::uint32_t n_layers) const {
    KvLayerLayout result;
    result.part_base[0] = bases[0];
    if (two_parts_) result.part_base[1] = two_tensors_ ? bases[1] : bases[0] + form_.second_part;
    const bool interleaved = style_.placement == Placement::kBlockFirst;
    result.block_stride = interleaved ? block_bytes_ * n_layers : block_bytes_;
    result.token_stride = form_.token_stride;
    result.head_stride = form_.head_stride;
    return result;
  }

  const GroupStyle& style_;
  const BlockForm& form_;
  const Allocate& allocate_;
  KvLayout& layout_;
  bool two_tensors_ = false;
  bool two_parts_ = false;
  std::uint64_t block_bytes_ = 0;  // of one tensor, with padding
  std::uint64_t base_ = 0;
};

Status check_style(const GroupStyle& style) {
  if (style.n_blocks == 0 || style.n_blocks > kMaxBlocks) {
    return bad("n_blocks = " + std::to_string(style.n_blocks) + ", expected 1 to " +
               std::to_string(kMaxBlocks));
  }
  if (style.block_padding > kMaxBlockBytes) {
    return bad("block_padding = " + std::to_string(style.block_padding) + ", expected at most " +
               std::to_string(kMaxBlockBytes));
  }
  return {};
}

Status add_group(KvLayout& layout, std::size_t index, const GroupStyle& style,
                 const Allocate& allocate) {
  PEGAFLOW_TRY(check_style(style));
  KvGroupShape& shape = layout.shape.groups[index];
  const Rank& rank = layout.shape.rank;
  PEGAFLOW_ASSIGN(const BlockForm form,
                  block_form(shape, heads_of(shape, rank).size(), style.block));
  const std::uint32_t layers = layers_of(shape, rank).size();
  // All sizes asked for below are products of these three, at most doubled.
  const std::uint64_t most = kMaxAllocationBytes / 2 / style.n_blocks / std::max(1U, layers);
  if (form.bytes + style.block_padding > most) {
    return bad("the group would take more than " + std::to_string(kMaxAllocationBytes) + " bytes");
  }
  PEGAFLOW_ASSIGN(auto group, GroupBuilder(shape, style, form, allocate, layout).build(layers));
  shape.inner_order = inner_order(shape, group, rank);
  layout.groups.push_back(std::move(group));
  return {};
}

}  // namespace

Result<KvLayout> make_layout(KvShape shape, std::span<const GroupStyle> styles, MemoryKind memory,
                             const Allocate& allocate) {
  for (KvGroupShape& group : shape.groups) group.inner_order = 0;
  PEGAFLOW_TRY(check_shape(shape));
  if (styles.size() != shape.groups.size()) {
    return bad(std::to_string(styles.size()) + " styles for " +
               std::to_string(shape.groups.size()) + " groups");
  }
  KvLayout layout;
  layout.shape = std::move(shape);
  layout.memory = memory;
  for (std::size_t i = 0; i < styles.size(); ++i) {
    const Status status = add_group(layout, i, styles[i], allocate);
    if (!status.ok()) return status.error().within("groups[" + std::to_string(i) + "]");
  }
  PEGAFLOW_TRY(check_layout(layout));
  return layout;
}

std::vector<std::uint32_t> even_stages(std::uint32_t layers, std::uint32_t pp_size) {
  std::vector<std::uint32_t> bounds{0};
  for (std::uint32_t stage = 0; stage < pp_size; ++stage) {
    const std::uint32_t longer = stage < layers % pp_size ? 1 : 0;
    bounds.push_back(bounds.back() + layers / pp_size + longer);
  }
  return bounds;
}

}  // namespace pegaflow::core
