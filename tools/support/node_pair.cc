#include "support/node_pair.h"

#include <poll.h>

#include <utility>

#include "base/clock.h"
#include "http/client.h"
#include "support/text_file.h"

namespace pegaflow::tools {
namespace {

constexpr Millis kStartDeadline{30'000};
constexpr Millis kHttpDeadline{2'000};
constexpr Millis kPollInterval{20};

Error too_late(const std::string& what, const std::string& last) {
  return {Code::kDeadlineExceeded, what + " within " + std::to_string(kStartDeadline.count()) +
                                       " ms; the last answer: " + last};
}

}  // namespace

NodePair::NodePair(NodePairSpec spec, ProcessGroup& processes, const Interrupt& interrupt)
    : spec_(std::move(spec)), processes_(processes), interrupt_(interrupt) {}

Status NodePair::start() {
  const auto topology = (spec_.dir / "topology.json").string();
  const auto& programs = spec_.programs;
  PEGAFLOW_ASSIGN(ports_, find_ports());
  PEGAFLOW_TRY(write_text_file(topology, pair_topology(spec_.options, ports_, spec_.dir)));
  PEGAFLOW_TRY(
      processes_.spawn({"rendezvous", {programs.rendezvous.string(), "--topology", topology}}));
  PEGAFLOW_TRY(wait_until_ready("rendezvous", ports_.rendezvous));
  for (const auto* node : {kProducerNode, kConsumerNode}) {
    PEGAFLOW_TRY(
        processes_.spawn({std::string("agent-") + node,
                          {programs.agent.string(), "--topology", topology, "--name", node}}));
  }
  PEGAFLOW_TRY(wait_until_ready("agent of P", ports_.producer_http));
  return wait_until_ready("agent of D", ports_.consumer_http);
}

Status NodePair::wait_until_ready(const std::string& name, std::uint16_t port) {
  http::Client client({"127.0.0.1", port});
  const auto deadline = SteadyClock().now() + kStartDeadline;
  while (true) {
    const auto answer = client.get("/readyz", kHttpDeadline);
    if (answer.ok() && answer->status == 200) return {};
    if (SteadyClock().now() >= deadline) {
      return too_late(name + " was not ready",
                      answer.ok() ? answer->body : answer.error().message());
    }
    PEGAFLOW_TRY(pause());
  }
}

Status NodePair::wait_for_link() {
  const auto deadline = SteadyClock().now() + kStartDeadline;
  while (true) {
    const auto link = link_state();
    if (link.ok() && link->up()) return {};
    if (SteadyClock().now() >= deadline) {
      return too_late("the link was not up", link.ok() ? link->state : link.error().message());
    }
    PEGAFLOW_TRY(pause());
  }
}

Result<LinkState> NodePair::link_state() {
  http::Client client({"127.0.0.1", ports_.consumer_http});
  PEGAFLOW_ASSIGN(const auto answer, client.get("/v1/status", kHttpDeadline));
  if (answer.status != 200) return http::error_of(answer).within("GET /v1/status");
  return parse_link_state(answer.body, kProducerNode);
}

Status NodePair::pause() {
  pollfd fd{interrupt_.fd(), POLLIN, 0};
  ::poll(&fd, 1, static_cast<int>(kPollInterval.count()));
  return check();
}

Status NodePair::check() const {
  pollfd fd{interrupt_.fd(), POLLIN, 0};
  if (::poll(&fd, 1, 0) == 1) return Error(Code::kUnavailable, "interrupted");
  const auto* child = processes_.ended();
  if (child == nullptr) return {};
  return Error(Code::kUnavailable, child->name() + " ended: " + child->how_it_ended());
}

}  // namespace pegaflow::tools
