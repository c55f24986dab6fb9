// check_compatible: may two pools exchange bytes at all? Independent of which ranks they are, so
// it can be asked before any block is reserved.
#pragma once

#include "pegaflow/kv_shape.h"
#include "pegaflow/result.h"

namespace pegaflow::core {

// kInvalidArgument naming the first field that differs, with both values: group count,
// fingerprint, elements, parts, heads, windows, layers, and for opaque groups digest, block size,
// block tokens and the split over tensor ranks. REQUIRES both passed check_shape.
Status check_compatible(const KvShape& source, const KvShape& sink);

}  // namespace pegaflow::core
