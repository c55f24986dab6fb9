#include "agent/registration.h"

#include <bit>
#include <string>
#include <utility>

namespace pegaflow::agent {
namespace {

constexpr Millis kRefresh{500};
constexpr Millis kLoopDeadline{5000};

}  // namespace

Registration::Registration(NodeAgent& agent) : agent_(agent) {}

Registration::~Registration() { stop(); }

Status Registration::start() {
  PEGAFLOW_ASSIGN(last_, agent_.loop().ask<rendezvous::AgentRecord>(
                             [this] { return agent_.record(); }, kLoopDeadline));
  rendezvous::RegistrarConfig config;
  config.host = agent_.topology().rendezvous.host;
  config.port = agent_.topology().rendezvous.port;
  config.previous_epoch = agent_.predecessor();
  rendezvous::RegistrarEvents& events = *this;
  registrar_ = std::make_unique<rendezvous::Registrar>(std::move(config), last_, events);
  registrar_->start();
  PEGAFLOW_TRY(agent_.loop().ask<Status>(
      [this] {
        timer_ = std::make_unique<Timer>(agent_.loop().timers(), [this] { refresh(); });
        refresh();
        return Status();
      },
      kLoopDeadline));
  return {};
}

void Registration::stop() {
  if (registrar_) registrar_->stop();
}

void Registration::refresh() {
  timer_->arm(agent_.loop().now() + kRefresh);
  rendezvous::AgentRecord record = agent_.record();
  if (record == last_) return;
  last_ = record;
  registrar_->update(std::move(record));
}

void Registration::registered(const rendezvous::Lease& lease) {
  agent_.metrics().rendezvous_registered();
  agent_.log().debug("registered, revision " + lease.revision.text());
}

void Registration::rendezvous_failed(std::string_view what, const Error& error, unsigned failures,
                                     std::chrono::milliseconds retry_in) {
  agent_.metrics().rendezvous_failed();
  if (!std::has_single_bit(failures)) return;  // the 1st, 2nd, 4th … failure in a row
  agent_.log().warning("rendezvous: " + std::string(what) + " failed (" + std::to_string(failures) +
                       " in a row), next try in " + std::to_string(retry_in.count()) +
                       " ms: " + error.message());
}

void Registration::peers_changed(const rendezvous::Listing& changes) {
  for (const rendezvous::Entry& entry : changes.entries) {
    if (!entry.record) continue;
    // Only a hint: when the loop is too crowded to take it, the link's own retries do.
    (void)agent_.loop().post([this, name = entry.name, epoch = entry.record->epoch] {
      agent_.links().peer_lives(name, epoch);
    });
  }
}

}  // namespace pegaflow::agent
