// The first thing that went wrong on a link, noted from inside UCX's callbacks without allocating.
#pragma once

#include <ucs/type/status.h>

#include "pegaflow/result.h"
#include "transport/ucx/status.h"

namespace pegaflow::transport {

class LinkFailure {
 public:
  // `what` is a literal. Later calls change nothing.
  void note(const char* what, ucs_status_t status) {
    if (what_ == nullptr) {
      what_ = what;
      status_ = status;
    }
  }
  bool happened() const { return what_ != nullptr; }
  // REQUIRES: happened(). Always kUnavailable: the link is of no use, whatever broke it.
  Error error() const { return {Code::kUnavailable, ucx_error(what_, status_).message()}; }

 private:
  const char* what_ = nullptr;
  ucs_status_t status_ = UCS_OK;
};

}  // namespace pegaflow::transport
