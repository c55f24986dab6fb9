// Registration: keeps the agent's record at the rendezvous service current, and passes on what the
// service says of peers.
#pragma once

#include <memory>

#include "agent/node_agent.h"
#include "agent/timers.h"
#include "rendezvous/registrar.h"

namespace pegaflow::agent {

class Registration final : private rendezvous::RegistrarEvents {
 public:
  // `agent` outlives this; its loop runs already.
  explicit Registration(NodeAgent& agent);
  ~Registration() override;  // stop()

  Status start();
  void stop();
  const rendezvous::Registrar& registrar() const { return *registrar_; }

 private:
  // On the loop thread: registers anew when something changed.
  void refresh();
  void registered(const rendezvous::Lease& lease) override;
  void rendezvous_failed(std::string_view what, const Error& error, unsigned failures,
                         std::chrono::milliseconds retry_in) override;
  void peers_changed(const rendezvous::Listing& changes) override;

  NodeAgent& agent_;
  rendezvous::AgentRecord last_;  // loop thread
  std::unique_ptr<Timer> timer_;  // loop thread
  std::unique_ptr<rendezvous::Registrar> registrar_;
};

}  // namespace pegaflow::agent
