// The sender's side of emulated puts, for links whose transports have no one-sided writes: a
// notice, then the bytes as one tagged message that the peer receives in place.
#pragma once

#include <ucp/api/ucp_def.h>

#include <cstddef>
#include <cstdint>
#include <span>

#include "pegaflow/result.h"
#include "transport/ucx/flushes.h"
#include "transport/ucx/link_failure.h"
#include "transport/ucx/local_memory.h"
#include "transport/ucx/remote_memory.h"
#include "transport/ucx/sends.h"

namespace pegaflow::transport {

class EmulatedPuts {
 public:
  // `notices` is shared with IncomingPuts, which answers through it.
  EmulatedPuts(Sends& notices, LinkFailure& failure) : notices_(notices), failure_(failure) {}
  EmulatedPuts(const EmulatedPuts&) = delete;
  EmulatedPuts& operator=(const EmulatedPuts&) = delete;

  // REQUIRES: the ranges were checked.
  Status put(ucp_ep_h endpoint, std::span<const std::byte> from, const UcxLocalMemory& local,
             const UcxRemoteMemory& to, std::uint64_t offset);
  Status flush(ucp_ep_h endpoint, Flushes& flushes, std::uint64_t token);

 private:
  static void on_sent(void* request, ucs_status_t status, void* user_data);
  Status send_bytes(ucp_ep_h endpoint, std::span<const std::byte> from,
                    const UcxLocalMemory& local);

  Sends& notices_;
  LinkFailure& failure_;
  std::size_t unfinished_ = 0;
  std::uint64_t flushes_sent_ = 0;
};

}  // namespace pegaflow::transport
