// AgentWork: what the loop of an agent runs: rings, links, slot words, deadlines.
#pragma once

#include "agent/link/links.h"
#include "agent/loop.h"
#include "agent/session/session_server.h"
#include "agent/transfer/transfer_service.h"

namespace pegaflow::agent {

class AgentWork final : public LoopWork {
 public:
  // All outlive this.
  AgentWork(SessionServer& sessions, Links& links, TransferService& transfers)
      : sessions_(sessions), links_(links), transfers_(transfers) {}

  bool poll() override;
  bool expecting() const override { return transfers_.waiting_for_words() || links_.expecting(); }
  bool in_traffic() const override {
    return transfers_.polling() || links_.in_traffic() || sessions_.in_traffic();
  }
  bool ready_to_sleep() override;
  void awake() override { sessions_.awake(); }
  TimePoint next_deadline() const override;
  void on_time(TimePoint now) override;
  void on_gap(Nanos gap) override;

 private:
  SessionServer& sessions_;
  Links& links_;
  TransferService& transfers_;
  // The earliest told since the last on_time(): a deadline that keeps moving away is met, too.
  mutable TimePoint due_ = TimePoint::max();
};

}  // namespace pegaflow::agent
