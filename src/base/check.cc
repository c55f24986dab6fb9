#include "base/check.h"

#include <cstdio>
#include <cstdlib>

#include "pegaflow/result.h"

namespace pegaflow {

void check_failed(const char* file, int line, const char* condition) {
  std::fprintf(stderr, "%s:%d: CHECK failed: %s\n", file, line, condition);
  std::abort();
}

void die_on_bad_result_access(const Error* error) {
  std::fprintf(stderr, "Result read on its other side: %s\n",
               error != nullptr ? error->message().c_str() : "it holds a value, not an error");
  std::abort();
}

std::string_view to_string(Code code) {
  switch (code) {
    case Code::kInvalidArgument:
      return "invalid_argument";
    case Code::kNotFound:
      return "not_found";
    case Code::kAlreadyExists:
      return "already_exists";
    case Code::kFailedPrecondition:
      return "failed_precondition";
    case Code::kResourceExhausted:
      return "resource_exhausted";
    case Code::kUnavailable:
      return "unavailable";
    case Code::kDeadlineExceeded:
      return "deadline_exceeded";
    case Code::kUnsupported:
      return "unsupported";
    case Code::kProtocol:
      return "protocol";
    case Code::kSystem:
      return "system";
    case Code::kInternal:
      return "internal";
  }
  return "unknown";
}

}  // namespace pegaflow
