// The flushes of a worker: a fixed table, each entry reported exactly once. UCX's callback only
// moves an entry to the list of the finished; the worker reports it from progress().
#pragma once

#include <ucp/api/ucp_def.h>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "base/bounded_queue.h"
#include "pegaflow/result.h"
#include "transport/transport.h"
#include "transport/ucx/link_failure.h"

namespace pegaflow::transport {

class Flushes {
 public:
  explicit Flushes(LinkFailure& failure);
  Flushes(const Flushes&) = delete;
  Flushes& operator=(const Flushes&) = delete;

  // UCX flushes. kResourceExhausted when the table is full.
  Status start(ucp_ep_h endpoint, std::uint64_t token);
  // The peer tells, in order, by peer_flushed().
  Status start_at_peer(std::uint64_t token);
  // False: no flush waits for the peer.
  bool peer_flushed();

  std::size_t finished() const { return finished_.size(); }
  // The token of the flush that finished first; its entry is free again. REQUIRES: finished() > 0.
  std::uint64_t take_finished();

  // For a broken link: the token of any flush not reported yet, until there is none.
  std::optional<std::uint64_t> abandon_one();

 private:
  enum class State : std::uint8_t {
    kFree,
    kPosted,     // UCX or the peer has it
    kFinished,   // UCX is done, not reported
    kAbandoned,  // reported, but UCX or the peer still has it
  };
  struct Entry {
    Flushes* owner = nullptr;
    std::uint64_t token = 0;
    State state = State::kFree;
  };
  Result<Entry*> take(std::uint64_t token);
  static void on_flushed(void* request, ucs_status_t status, void* user_data);
  void finish(Entry& entry);
  void finish_or_release(Entry& entry);
  void release(Entry& entry);

  LinkFailure& failure_;
  std::vector<Entry> entries_;
  FixedFifo<Entry*> free_{kMaxUnfinishedFlushes};
  FixedFifo<Entry*> finished_{kMaxUnfinishedFlushes};
  FixedFifo<Entry*> at_peer_{kMaxUnfinishedFlushes};
  std::size_t abandoned_up_to_ = 0;
};

}  // namespace pegaflow::transport
