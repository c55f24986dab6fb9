#include "pegaflow-demo/layout_names.h"

#include <algorithm>
#include <array>

namespace pegaflow::demo {
namespace {

using core::BlockStyle;
using core::Placement;

struct NamedLayout {
  std::string_view name;
  BlockStyle block;
  Placement placement;
};
constexpr std::array kLayouts = {
    NamedLayout{"nhd", BlockStyle::kPartNhd, Placement::kPerLayer},
    NamedLayout{"hnd", BlockStyle::kPartHnd, Placement::kPerLayer},
    NamedLayout{"block-nhd", BlockStyle::kBlockPartNhd, Placement::kLayerFirst},
    NamedLayout{"block-hnd", BlockStyle::kBlockPartHnd, Placement::kLayerFirst},
    NamedLayout{"nhd-kv", BlockStyle::kNhdKv, Placement::kPerLayer},
    NamedLayout{"hnd-kv", BlockStyle::kHndKv, Placement::kPerLayer},
    NamedLayout{"block-first", BlockStyle::kBlockPartHnd, Placement::kBlockFirst},
};

}  // namespace

std::vector<std::string> layout_names() {
  std::vector<std::string> names;
  names.reserve(kLayouts.size());
  for (const auto& layout : kLayouts) names.emplace_back(layout.name);
  return names;
}

Result<core::GroupStyle> layout_style(std::string_view name, std::uint32_t n_blocks) {
  const auto* found = std::ranges::find(kLayouts, name, &NamedLayout::name);
  if (found == kLayouts.end()) {
    std::string choices;
    for (const auto& layout : kLayouts) choices.append(" ").append(layout.name);
    return Error(Code::kInvalidArgument,
                 "layout: expected one of" + choices + ", got \"" + std::string(name) + "\"");
  }
  return core::GroupStyle{found->block, found->placement, n_blocks, 0};
}

}  // namespace pegaflow::demo
