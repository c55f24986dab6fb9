// The puts of a worker. A put's own completion only says that its source may be reused; what the
// target has is what a later flush says.
#pragma once

#include <ucp/api/ucp_def.h>

#include <cstddef>
#include <cstdint>
#include <span>

#include "pegaflow/result.h"
#include "transport/ucx/link_failure.h"
#include "transport/ucx/local_memory.h"
#include "transport/ucx/remote_memory.h"

namespace pegaflow::transport {

class Puts {
 public:
  explicit Puts(LinkFailure& failure) : failure_(failure) {}
  Puts(const Puts&) = delete;
  Puts& operator=(const Puts&) = delete;

  // REQUIRES: the ranges were checked.
  Status put(ucp_ep_h endpoint, std::span<const std::byte> from, const UcxLocalMemory& local,
             const UcxRemoteMemory& to, std::uint64_t offset);
  // Not complete locally.
  std::size_t unfinished() const { return unfinished_; }

 private:
  static void on_put(void* request, ucs_status_t status, void* user_data);

  LinkFailure& failure_;
  std::size_t unfinished_ = 0;
};

}  // namespace pegaflow::transport
