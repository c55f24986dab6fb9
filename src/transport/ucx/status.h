// UCX's status codes as our errors.
#pragma once

#include <ucs/type/status.h>

#include <string_view>

#include "pegaflow/result.h"

namespace pegaflow::transport {

// "`what`: text of the status". REQUIRES: status is an error.
Error ucx_error(std::string_view what, ucs_status_t status);

inline Status ucx_status(std::string_view what, ucs_status_t status) {
  return status == UCS_OK ? Status() : Status(ucx_error(what, status));
}

}  // namespace pegaflow::transport
