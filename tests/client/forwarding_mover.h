// ForwardingMover: a host mover, of which tests change what they need.
#pragma once

#include "memory/host_mover.h"

namespace pegaflow::client {

class ForwardingMover : public memory::Mover {
 public:
  explicit ForwardingMover(const Clock& clock) : inner_(clock) {}
  Status add_pool(const KvLayout& layout) override { return inner_.add_pool(layout); }
  Status check(const core::StreamPlan& plan, const KvLayout& layout) const override {
    return inner_.check(plan, layout);
  }
  std::size_t batch_limit() const override { return inner_.batch_limit(); }
  void submit(std::span<const memory::MoveJob> jobs) override { inner_.submit(jobs); }
  std::size_t poll(std::span<memory::MoveResult> out) override { return inner_.poll(out); }
  Status fence(memory::MoveDirection direction, StreamHandle stream) override {
    return inner_.fence(direction, stream);
  }

 protected:
  memory::HostMover inner_;
};

}  // namespace pegaflow::client
