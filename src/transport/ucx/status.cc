#include "transport/ucx/status.h"

#include <string>

namespace pegaflow::transport {
namespace {

Code code_of(ucs_status_t status) {
  switch (status) {
    case UCS_ERR_NO_MEMORY:
    case UCS_ERR_NO_RESOURCE:
    case UCS_ERR_EXCEEDS_LIMIT:
      return Code::kResourceExhausted;
    case UCS_ERR_INVALID_PARAM:
      return Code::kInvalidArgument;
    case UCS_ERR_UNREACHABLE:
    case UCS_ERR_CONNECTION_RESET:
    case UCS_ERR_ENDPOINT_TIMEOUT:
    case UCS_ERR_NOT_CONNECTED:
    case UCS_ERR_REJECTED:
    case UCS_ERR_CANCELED:
      return Code::kUnavailable;
    case UCS_ERR_UNSUPPORTED:
    case UCS_ERR_NOT_IMPLEMENTED:
      return Code::kUnsupported;
    case UCS_ERR_TIMED_OUT:
      return Code::kDeadlineExceeded;
    case UCS_ERR_MESSAGE_TRUNCATED:
      return Code::kProtocol;
    default:
      return Code::kSystem;
  }
}

}  // namespace

Error ucx_error(std::string_view what, ucs_status_t status) {
  return {code_of(status), std::string(what) + ": " + ucs_status_string(status)};
}

}  // namespace pegaflow::transport
