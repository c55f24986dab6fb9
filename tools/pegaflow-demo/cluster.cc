#include "pegaflow-demo/cluster.h"

#include <poll.h>

#include <algorithm>
#include <utility>

#include "http/client.h"
#include "pegaflow-demo/text_file.h"

namespace pegaflow::demo {
namespace {

constexpr Millis kStartDeadline{30'000};
constexpr Millis kHttpDeadline{2'000};
constexpr Millis kPollInterval{20};
constexpr Millis kStopGrace{5'000};

TimePoint start_deadline() { return SteadyClock().now() + kStartDeadline; }

std::string engine_name(EngineRole role, std::uint32_t tp) {
  return (role == EngineRole::kProducer ? "engine-p-tp" : "engine-d-tp") + std::to_string(tp);
}

Error too_late(const std::string& what, const std::string& last) {
  return {Code::kDeadlineExceeded, what + " within " + std::to_string(kStartDeadline.count()) +
                                       " ms; the last answer: " + last};
}

}  // namespace

Cluster::Cluster(ClusterSpec spec, const Interrupt& interrupt)
    : spec_(std::move(spec)), interrupt_(interrupt), processes_(spec_.dir) {}

Status Cluster::start() {
  PEGAFLOW_ASSIGN(ports_, find_ports());
  PEGAFLOW_TRY(write_text_file(spec_.dir / "topology.json",
                               demo_topology(spec_.options, spec_.kind, ports_, spec_.dir)));
  PEGAFLOW_TRY(start_agents());
  for (std::uint32_t tp = 0; tp < spec_.options.producer.tp; ++tp) {
    PEGAFLOW_TRY(start_engine(EngineRole::kProducer, tp));
  }
  for (std::uint32_t tp = 0; tp < spec_.options.consumer.tp; ++tp) {
    PEGAFLOW_TRY(start_engine(EngineRole::kConsumer, tp));
  }
  PEGAFLOW_TRY(wait_for_engines());
  return wait_for_link();
}

Status Cluster::start_agents() {
  const auto topology = (spec_.dir / "topology.json").string();
  const auto& programs = spec_.programs;
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

Status Cluster::start_engine(EngineRole role, std::uint32_t tp) {
  PEGAFLOW_ASSIGN(auto ends, SeqpacketSocket::pair());
  const auto name = engine_name(role, tp);
  const int fd = ends.second.fd();
  PEGAFLOW_TRY(processes_.spawn(
      {name, {spec_.programs.self.string(), "--engine-fd", std::to_string(fd)}, fd}));
  engines_.push_back({name, role, Channel(std::move(ends.first))});
  return engines_.back().channel.send(encode(setup_of(role, tp)));
}

EngineSetup Cluster::setup_of(EngineRole role, std::uint32_t tp) const {
  const bool producer = role == EngineRole::kProducer;
  const auto& side = producer ? spec_.options.producer : spec_.options.consumer;
  EngineSetup setup;
  setup.role = role;
  setup.instance = producer ? kProducerNode : kConsumerNode;
  setup.source_instance = kProducerNode;
  setup.socket_path = producer ? producer_socket(spec_.dir) : consumer_socket(spec_.dir);
  setup.pool = {spec_.model,       tp,
                side.tp,           side.layout,
                side.block_tokens, producer ? spec_.producer_blocks : spec_.consumer_blocks};
  setup.push = spec_.options.push;
  setup.compute_ns = spec_.options.compute_ns;
  // All ranks of a side make the same choices, as under one scheduler; the sides differ.
  setup.seed = spec_.options.seed * 2 + (producer ? 0 : 1);
  return setup;
}

Status Cluster::wait_for_engines() {
  const auto deadline = start_deadline();
  std::size_t up = 0;
  while (up < engines_.size()) {
    const auto now = SteadyClock().now();
    if (now >= deadline) {
      return Error(Code::kDeadlineExceeded,
                   "only " + std::to_string(up) + " engines came up in time");
    }
    PEGAFLOW_ASSIGN(const auto reports, wait(deadline - now));
    up += static_cast<std::size_t>(std::ranges::count_if(
        reports, [](const Report& report) { return std::holds_alternative<EngineUp>(report); }));
  }
  return {};
}

Status Cluster::wait_until_ready(const std::string& name, std::uint16_t port) {
  http::Client client({"127.0.0.1", port});
  const auto deadline = start_deadline();
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

Status Cluster::wait_for_link() {
  const auto deadline = start_deadline();
  while (true) {
    const auto link = link_state();
    if (link.ok() && link->up()) return {};
    if (SteadyClock().now() >= deadline) {
      return too_late("the link was not up", link.ok() ? link->state : link.error().message());
    }
    PEGAFLOW_TRY(pause());
  }
}

Result<LinkState> Cluster::link_state() {
  http::Client client({"127.0.0.1", ports_.consumer_http});
  PEGAFLOW_ASSIGN(const auto answer, client.get("/v1/status", kHttpDeadline));
  if (answer.status != 200) {
    return Error(Code::kProtocol, "GET /v1/status: " + std::to_string(answer.status) + " " +
                                      http::error_of(answer).message());
  }
  return parse_link_state(answer.body, kProducerNode);
}

Status Cluster::pause() {
  pollfd fd{interrupt_.fd(), POLLIN, 0};
  ::poll(&fd, 1, static_cast<int>(kPollInterval.count()));
  return check_processes();
}

Status Cluster::check_processes() {
  pollfd fd{interrupt_.fd(), POLLIN, 0};
  if (::poll(&fd, 1, 0) == 1) return Error(Code::kUnavailable, "interrupted");
  if (const auto* child = processes_.ended()) {
    return Error(Code::kUnavailable, child->name() + " ended: " + child->how_it_ended());
  }
  return {};
}

Status Cluster::send(EngineRole role, const Command& command) {
  const auto text = encode(command);
  for (auto& engine : engines_) {
    if (engine.role != role) continue;
    const auto sent = engine.channel.send(text);
    if (!sent.ok()) return sent.error().within(engine.name);
  }
  return {};
}

Result<std::vector<Report>> Cluster::wait(Nanos timeout) {
  std::vector<pollfd> fds = {{interrupt_.fd(), POLLIN, 0}};
  for (const auto& child : processes_.children()) fds.push_back({child.pidfd(), POLLIN, 0});
  for (const auto& engine : engines_) {
    const short events = engine.channel.wants_write() ? POLLIN | POLLOUT : POLLIN;
    fds.push_back({engine.channel.fd(), events, 0});
  }
  const auto ms = std::chrono::ceil<Millis>(std::max(timeout, Nanos(0)));
  ::poll(fds.data(), fds.size(), static_cast<int>(std::min(ms, kStartDeadline).count()));
  std::vector<Report> reports;
  for (auto& engine : engines_) {
    const auto taken = take_reports(engine, reports);
    if (!taken.ok()) return taken.error().within(engine.name);
  }
  PEGAFLOW_TRY(check_processes());
  return reports;
}

Status Cluster::take_reports(EngineEnd& engine, std::vector<Report>& reports) {
  PEGAFLOW_TRY(engine.channel.flush());
  while (true) {
    PEGAFLOW_ASSIGN(const auto text, engine.channel.receive());
    if (!text) return {};
    PEGAFLOW_ASSIGN(auto report, decode_report(*text));
    if (const auto* failed = std::get_if<EngineFailed>(&report)) {
      return Error(Code::kUnavailable, failed->message);
    }
    reports.push_back(std::move(report));
  }
}

void Cluster::stop() {
  // An engine that is gone already cannot be told; the processes are stopped below anyway.
  for (auto& engine : engines_) {
    [[maybe_unused]] const auto sent = engine.channel.send(encode(Command(Quit{})));
  }
  processes_.stop(kStopGrace);
}

}  // namespace pegaflow::demo
