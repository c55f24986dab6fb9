// The names under which pegaflow-demo offers the KV layouts of src/core/layout_builder.h.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "core/layout_builder.h"
#include "pegaflow/result.h"

namespace pegaflow::demo {

// "nhd", "hnd", "block-nhd", "block-hnd", "nhd-kv", "hnd-kv", "block-first".
std::vector<std::string> layout_names();

// The named form with `n_blocks` blocks; kInvalidArgument names the choices.
Result<core::GroupStyle> layout_style(std::string_view name, std::uint32_t n_blocks);

}  // namespace pegaflow::demo
