// What a receive must meet before it is passed on: nothing it names may lie outside of its pool.
#pragma once

#include <cstdint>

#include "client/pool_table.h"
#include "pegaflow/result.h"
#include "pegaflow/session.h"

namespace pegaflow::client {

// kInvalidArgument names the field, its value and what was expected; kUnsupported for what this
// build or pool cannot do.
Status check_receive(const ReceiveSpec& spec, const LocalPool& pool);

// An engine deployment's name and data-parallel rank.
Status check_source(const Source& source);

// A duration that travels as 32-bit milliseconds.
Status check_duration(const char* what, std::chrono::milliseconds value);

}  // namespace pegaflow::client
