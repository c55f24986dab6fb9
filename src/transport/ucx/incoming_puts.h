// The receiver's side of emulated puts: checks each notice against the registered memories,
// receives the bytes in place, and answers flushes when what came before them has landed.
#pragma once

#include <ucp/api/ucp_def.h>

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "base/bounded_queue.h"
#include "pegaflow/result.h"
#include "transport/registrations.h"
#include "transport/ucx/flushes.h"
#include "transport/ucx/link_failure.h"
#include "transport/ucx/put_notice.h"
#include "transport/ucx/receives.h"
#include "transport/ucx/sends.h"

namespace pegaflow::transport {

class IncomingPuts {
 public:
  IncomingPuts(const Registrations& memories, Sends& answers, Flushes& flushes,
               LinkFailure& failure);
  IncomingPuts(const IncomingPuts&) = delete;
  IncomingPuts& operator=(const IncomingPuts&) = delete;

  Status post_all(ucp_worker_h worker) { return notices_.post_all(worker); }
  // Works through the notices that came; returns how many. `endpoint` may be null: the answers
  // wait until the worker is connected.
  unsigned progress(ucp_worker_h worker, ucp_ep_h endpoint);
  bool has_work() const { return notices_.ready() > 0 && !free_.empty(); }
  void cancel_all(ucp_worker_h worker);

 private:
  // A put whose bytes are on their way into place.
  struct Landing {
    IncomingPuts* owner = nullptr;
    bool posted = false;
    void* request = nullptr;
    std::size_t length = 0;
  };
  struct FlushMark {
    std::uint64_t number = 0;
    std::uint64_t puts_before = 0;
  };
  static void on_landed(void* request, ucs_status_t status, const ucp_tag_recv_info_t* info,
                        void* user_data);
  void handle(ucp_worker_h worker, const PutNotice& notice);
  void land(ucp_worker_h worker, const PutNotice& notice);
  unsigned answer_flushes(ucp_ep_h endpoint);

  const Registrations& memories_;
  Sends& answers_;
  Flushes& flushes_;
  LinkFailure& failure_;
  Receives notices_;
  std::vector<Landing> landings_;
  FixedFifo<Landing*> free_;
  FixedFifo<FlushMark> marks_{kMaxUnfinishedFlushes};
  std::uint64_t puts_started_ = 0;
  std::uint64_t puts_landed_ = 0;
  std::uint64_t flushes_answered_ = 0;  // by the peer
};

}  // namespace pegaflow::transport
