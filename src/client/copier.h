// Copier: gives claimed gathers and handed-out scatters to the memory Mover, and the results back
// to the books. Used by the mover thread alone; allocates nothing after construction.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "base/clock.h"
#include "client/shared_state.h"
#include "core/copy_runs.h"
#include "memory/mover.h"

namespace pegaflow::client {

class Copier {
 public:
  // All outlive this.
  Copier(SharedState& state, memory::Mover& mover, const Clock& clock);

  // Starts what can start. True if something did.
  bool start();
  // Reports what has ended. True if something had.
  bool finish();
  // submit() comes back before the copies are made.
  bool runs_beside() const { return runs_beside_; }
  bool running() const { return running_[0] + running_[1] != 0; }

 private:
  struct Job {
    bool busy = false;
    memory::MoveDirection direction{};
    Gather gather;
    Scatter scatter;
    std::array<core::TableView, KvShape::kMaxGroups> tables;
  };
  bool start(memory::MoveDirection direction);
  bool take(memory::MoveDirection direction, Job& job);          // REQUIRES the lock
  void add(memory::MoveDirection direction, std::size_t place);  // to the batch
  void prepare_gather(Job& job, memory::MoveJob& move);
  void prepare_scatter(Job& job, memory::MoveJob& move);
  void ring_bells(Nanos at_most_every);
  void finished(Job& job, const memory::MoveResult& result);
  std::size_t& running(memory::MoveDirection direction) {
    return running_[static_cast<std::size_t>(direction)];
  }

  SharedState& state_;
  memory::Mover& mover_;
  const Clock& clock_;
  const bool runs_beside_;
  std::vector<Job> jobs_;  // batch_limit() of them per direction
  std::vector<memory::MoveJob> batch_;
  std::vector<MappedSlots*> targets_;  // regions that the batch fills
  std::array<std::size_t, 2> running_{};
};

}  // namespace pegaflow::client
