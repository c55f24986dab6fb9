#include "pegaflow-demo/cluster.h"

#include <poll.h>

#include <algorithm>
#include <utility>

#include "support/topology_file.h"

namespace pegaflow::demo {
namespace {

constexpr Millis kStartDeadline{30'000};
constexpr Millis kStopGrace{5'000};

std::string engine_name(EngineRole role, std::uint32_t tp) {
  return (role == EngineRole::kProducer ? "engine-p-tp" : "engine-d-tp") + std::to_string(tp);
}

}  // namespace

Cluster::Cluster(ClusterSpec spec, const tools::Interrupt& interrupt)
    : spec_(std::move(spec)),
      interrupt_(interrupt),
      processes_(spec_.nodes.dir),
      nodes_(spec_.nodes, processes_, interrupt) {}

Status Cluster::start() {
  PEGAFLOW_TRY(nodes_.start());
  for (std::uint32_t tp = 0; tp < spec_.options.producer.tp; ++tp) {
    PEGAFLOW_TRY(start_engine(EngineRole::kProducer, tp));
  }
  for (std::uint32_t tp = 0; tp < spec_.options.consumer.tp; ++tp) {
    PEGAFLOW_TRY(start_engine(EngineRole::kConsumer, tp));
  }
  PEGAFLOW_TRY(wait_for_engines());
  return nodes_.wait_for_link();
}

Status Cluster::start_engine(EngineRole role, std::uint32_t tp) {
  PEGAFLOW_ASSIGN(auto ends, SeqpacketSocket::pair());
  const auto name = engine_name(role, tp);
  const int fd = ends.second.fd();
  PEGAFLOW_TRY(processes_.spawn(
      {name, {spec_.nodes.programs.self.string(), "--engine-fd", std::to_string(fd)}, fd}));
  engines_.push_back({name, role, tools::Channel(std::move(ends.first))});
  return engines_.back().channel.send(encode(setup_of(role, tp)));
}

EngineSetup Cluster::setup_of(EngineRole role, std::uint32_t tp) const {
  const bool producer = role == EngineRole::kProducer;
  const auto& side = producer ? spec_.options.producer : spec_.options.consumer;
  EngineSetup setup;
  setup.role = role;
  setup.instance = producer ? tools::kProducerNode : tools::kConsumerNode;
  setup.source_instance = tools::kProducerNode;
  setup.socket_path =
      producer ? tools::producer_socket(spec_.nodes.dir) : tools::consumer_socket(spec_.nodes.dir);
  setup.pool = {spec_.model,
                tp,
                side.tp,
                side.layout,
                side.block_tokens,
                producer ? spec_.producer_blocks : spec_.consumer_blocks,
                spec_.nodes.options.gpus[producer ? 0 : 1]};
  setup.push = spec_.options.push;
  setup.compute_ns = spec_.options.compute_ns;
  // All ranks of a side make the same choices, as under one scheduler; the sides differ.
  setup.seed = spec_.options.seed * 2 + (producer ? 0 : 1);
  return setup;
}

Status Cluster::wait_for_engines() {
  const auto deadline = SteadyClock().now() + kStartDeadline;
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
    if (!taken.ok()) return with_dead_process(taken.error().within(engine.name));
  }
  PEGAFLOW_TRY(nodes_.check());
  return reports;
}

// An engine that cannot go on has lost its agent, or its process ended: say so first.
Error Cluster::with_dead_process(const Error& error) const {
  const auto checked = nodes_.check();
  if (checked.ok()) return error;
  return {error.code(), checked.error().message() + "; " + error.message()};
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
