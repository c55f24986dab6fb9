// The flushes of a worker: a fixed table, each entry reported exactly once. UCX's callback only
// moves an entry to the list of the finished; the worker reports it from progress().
#pragma once

#include <ucp/api/ucp_def.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "pegaflow/result.h"
#include "transport/transport.h"
#include "transport/ucx/link_failure.h"

namespace pegaflow::transport {

class Flushes {
 public:
  explicit Flushes(LinkFailure& failure);
  Flushes(const Flushes&) = delete;
  Flushes& operator=(const Flushes&) = delete;

  // kResourceExhausted when the table is full.
  Status start(ucp_ep_h endpoint, std::uint64_t token);

  std::size_t finished() const { return finished_count_; }
  // The token of the flush that finished first; its entry is free again. REQUIRES: finished() > 0.
  std::uint64_t take_finished();

  // For a broken link: the token of any flush not reported yet, until there is none.
  std::optional<std::uint64_t> abandon_one();

 private:
  enum class State : std::uint8_t {
    kFree,
    kPosted,     // UCX has it
    kFinished,   // UCX is done, not reported
    kAbandoned,  // reported, but UCX still has it
  };
  struct Entry {
    Flushes* owner = nullptr;
    std::uint64_t token = 0;
    State state = State::kFree;
  };
  static void on_flushed(void* request, ucs_status_t status, void* user_data);
  void finish(Entry& entry);
  void release(Entry& entry);

  LinkFailure& failure_;
  std::vector<Entry> entries_;
  std::array<Entry*, kMaxUnfinishedFlushes> free_{};
  std::size_t free_count_ = 0;
  std::array<Entry*, kMaxUnfinishedFlushes> finished_{};
  std::size_t finished_first_ = 0;
  std::size_t finished_count_ = 0;
  std::size_t abandoned_up_to_ = 0;
};

}  // namespace pegaflow::transport
