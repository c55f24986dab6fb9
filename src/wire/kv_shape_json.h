// KvShape as JSON: the form used by the rendezvous record and by the set-up messages.
#pragma once

#include <string>
#include <string_view>

#include "pegaflow/kv_shape.h"
#include "pegaflow/result.h"

namespace pegaflow {

std::string shape_to_json(const KvShape& shape);
// Types, sizes of lists and text are checked here; whether the numbers make a possible pool is
// the plan's question (core). kProtocol: "/groups/0/parts: expected …, got …".
Result<KvShape> shape_from_json(std::string_view json);

}  // namespace pegaflow
