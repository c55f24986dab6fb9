// WriterTable: the numbers that stand for writers in the words of this agent's slots, and the
// proofs that a writer has ended. One table per agent: local clients, engines and agents of mapped
// peers, incarnations of UCX links.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>

#include "agent/loop.h"
#include "agent/timers.h"
#include "base/strong_id.h"
#include "base/unique_fd.h"
#include "pegaflow/result.h"

namespace pegaflow::agent {

// A number is given out again only after the proof that its writer has ended. All calls on the
// loop thread.
class WriterTable {
 public:
  // Called once per ended writer, before the number can be given out again.
  using OnGone = std::function<void(WriterId)>;
  // A GPU finishes a dead process's work within this time after its pidfd is readable.
  static constexpr Nanos kGpuTeardown = Millis(10);

  WriterTable(Loop& loop, OnGone on_gone) : loop_(loop), on_gone_(std::move(on_gone)) {}

  // A process: gone when `pidfd` is readable, `after_exit` later. kResourceExhausted: all 65,535
  // numbers are in use; kSystem: not a pidfd.
  Result<WriterId> add_process(UniqueFd pidfd, Nanos after_exit);
  // Changes after_exit of a process that add_process() took; nothing if that has exited already.
  void set_teardown(WriterId writer, Nanos after_exit);
  // Something that only ended() ends: an incarnation of a UCX link.
  Result<WriterId> add();
  // The proof came from elsewhere (a destroyed worker).
  void ended(WriterId writer);
  std::size_t size() const { return writers_.size(); }

 private:
  struct Writer {
    UniqueFd pidfd;
    Nanos after_exit{0};
    std::unique_ptr<Loop::Watch> watch;
    std::unique_ptr<Timer> teardown;
  };

  Result<WriterId> free_number();
  void exited(WriterId writer);

  Loop& loop_;
  OnGone on_gone_;
  std::map<WriterId, Writer> writers_;
  std::uint16_t last_ = 0;
};

}  // namespace pegaflow::agent
