#include "pegaflow-demo/link_run.h"

#include <algorithm>
#include <utility>

#include "pegaflow-demo/cluster.h"
#include "pegaflow-demo/progress.h"
#include "pegaflow-demo/router.h"
#include "support/text_file.h"

namespace pegaflow::demo {
namespace {

// Longer than the agents' own deadlines, which end every transfer.
constexpr std::chrono::seconds kStallDeadline{150};
constexpr Millis kProgressInterval{100};
constexpr std::size_t kTailLines = 15;

RouterConfig router_config(const DemoOptions& options) {
  return {options.producer.tp, options.consumer.tp, options.concurrency};
}

// Replays the requests over a running cluster.
class Replay {
 public:
  Replay(const LinkRunSpec& spec, Cluster& cluster)
      : spec_(spec),
        cluster_(cluster),
        router_(router_config(spec.workload.options), spec.workload.arrivals),
        progress_(std::string(to_string(spec.kind)) + " link") {}

  Status run() {
    const auto start = SteadyClock().now();
    auto heard = start;
    while (!router_.finished()) {
      const auto now = SteadyClock().now();
      if (router_.in_flight() == 0) heard = now;
      if (now - heard > kStallDeadline) {
        return Error(Code::kDeadlineExceeded, "no engine reported anything for " +
                                                  std::to_string(kStallDeadline.count()) + " s");
      }
      PEGAFLOW_TRY(release(now - start));
      PEGAFLOW_ASSIGN(const auto reports, cluster_.wait(time_to_wait(start)));
      if (!reports.empty()) heard = SteadyClock().now();
      PEGAFLOW_TRY(take(reports));
      progress_.update(state_, SteadyClock().now());
    }
    return {};
  }

  const Router& router() const { return router_; }

 private:
  Status release(Nanos since_start) {
    for (const auto id : router_.release(since_start)) {
      Submit submit{id, Key::random(), router_.prompt(id), false};
      PEGAFLOW_TRY(cluster_.send(EngineRole::kProducer, submit));
      submit.corrupt = spec_.workload.options.corrupt == id;
      PEGAFLOW_TRY(cluster_.send(EngineRole::kConsumer, submit));
    }
    return {};
  }

  Nanos time_to_wait(TimePoint start) const {
    const auto next = router_.next_release();
    if (!next) return kProgressInterval;
    return std::min<Nanos>(start + *next - SteadyClock().now(), kProgressInterval);
  }

  Status take(const std::vector<Report>& reports) {
    for (const auto& report : reports) {
      if (const auto* received = std::get_if<Received>(&report)) {
        state_.bytes += received->stats.bytes;
      }
      const auto failed = router_.on_report(report);
      if (failed) {
        ++state_.failed;
        PEGAFLOW_TRY(cluster_.send(EngineRole::kProducer, Abandon{*failed}));
        PEGAFLOW_TRY(cluster_.send(EngineRole::kConsumer, Abandon{*failed}));
      }
    }
    state_.total = static_cast<std::uint32_t>(router_.outcomes().size());
    state_.released = router_.released();
    state_.ended = router_.ended();
    return {};
  }

  const LinkRunSpec& spec_;
  Cluster& cluster_;
  Router router_;
  Progress progress_;
  Progress::State state_;
};

std::string why(const Outcome& outcome) {
  if (!outcome.failure.empty()) return outcome.failure;
  if (!outcome.released) return "never started";
  std::string text = "unfinished: ended at " + std::to_string(outcome.producers_ended) +
                     " ranks of P and " + std::to_string(outcome.consumers_ended) + " of D";
  if (outcome.last_ready_ns == 0) text += "; P never had all of it ready";
  return text;
}

std::vector<RequestFailure> failures_of(const Router& router) {
  std::vector<RequestFailure> failures;
  for (std::uint32_t id = 0; id < router.outcomes().size(); ++id) {
    if (!router.succeeded(id)) failures.push_back({id, why(router.outcomes()[id])});
  }
  return failures;
}

std::string tails(const tools::ProcessGroup& processes) {
  std::string text;
  for (const auto& child : processes.children()) {
    text += "---- " + child.log().string() + "\n" + tools::tail_of_file(child.log(), kTailLines);
  }
  return text;
}

Result<ClusterSpec> cluster_spec(const LinkRunSpec& spec) {
  const auto& [options, model, arrivals] = spec.workload;
  tools::PairOptions pair{spec.kind,         options.mapped_path, options.transport,
                          options.integrity, options.slot_bytes,  options.slots};
  if (options.memory == MemoryKind::kCuda) {
    // UCX's tcp does not read GPU memory: there the slots are host memory, which kernels reach.
    pair.cuda_slots = spec.kind == tools::LinkKind::kMapped || options.transport == "cuda_ipc";
    for (std::size_t i = 0; i < pair.gpus.size(); ++i) {
      PEGAFLOW_ASSIGN(pair.gpus[i], tools::gpu_uuid_of(options.gpus[i]));
    }
  }
  ClusterSpec cluster{{pair, spec.programs, spec.dir}, options, model, 0, 0};
  PEGAFLOW_ASSIGN(cluster.producer_blocks,
                  pool_blocks(model, options.producer, options.pool_mib, arrivals));
  PEGAFLOW_ASSIGN(cluster.consumer_blocks,
                  pool_blocks(model, options.consumer, options.pool_mib, arrivals));
  return cluster;
}

Status replay_over(Cluster& cluster, const LinkRunSpec& spec, LinkResult& result) {
  PEGAFLOW_TRY(cluster.start());
  const auto start = SteadyClock().now();
  Replay replay(spec, cluster);
  auto replayed = replay.run();
  result.seconds = std::chrono::duration<double>(SteadyClock().now() - start).count();
  result.summary = summarize(replay.router());
  result.failures = failures_of(replay.router());
  if (!replayed.ok()) return replayed;
  result.memory_bytes = cluster.memory_bytes();
  PEGAFLOW_ASSIGN(result.link, cluster.link_state());
  return {};
}

}  // namespace

Result<std::uint32_t> pool_blocks(const Model& model, const SideOptions& side,
                                  std::uint64_t pool_mib, std::span<const Arrival> arrivals) {
  std::uint32_t largest = 0;
  for (const auto& arrival : arrivals) largest = std::max(largest, arrival.prompt.n_tokens);
  const std::uint64_t needed = (largest + side.block_tokens - 1) / side.block_tokens;
  const auto block_bytes = model.token_bytes() * side.block_tokens;
  const auto blocks = pool_mib == 0 ? needed + needed / 4 + 1 : (pool_mib << 20) / block_bytes;
  if (blocks >= needed && blocks <= UINT32_MAX) return static_cast<std::uint32_t>(blocks);
  return Error(Code::kInvalidArgument,
               "--pool-mib " + std::to_string(pool_mib) + " holds " + std::to_string(blocks) +
                   " blocks of " + std::to_string(side.block_tokens) +
                   " tokens; the largest request has " + std::to_string(largest) + " tokens");
}

LinkResult run_link(const LinkRunSpec& spec, const tools::Interrupt& interrupt) {
  LinkResult result;
  result.kind = spec.kind;
  result.summary.requests = static_cast<std::uint32_t>(spec.workload.arrivals.size());
  auto config = cluster_spec(spec);
  if (!config.ok()) {
    result.broken = config.error().message();
    return result;
  }
  Cluster cluster(std::move(*config), interrupt);
  const auto status = replay_over(cluster, spec, result);
  if (!status.ok()) result.broken = status.error().message();
  cluster.stop();
  if (!result.ok()) result.log_tails = tails(cluster.processes());
  return result;
}

}  // namespace pegaflow::demo
