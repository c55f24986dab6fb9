#include "pegaflow-bench/measurement.h"

#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "pegaflow-bench/page_pool.h"
#include "pegaflow-bench/sink_protocol.h"
#include "support/process_group.h"
#include "support/text_file.h"
#include "support/topology_file.h"

namespace pegaflow::bench {
namespace {

constexpr std::chrono::seconds kDeadline{120};
constexpr Millis kStopGrace{2'000};
constexpr std::size_t kTailLines = 15;

double us_between(std::uint64_t begin_ns, std::uint64_t end_ns) {
  return (static_cast<double>(end_ns) - static_cast<double>(begin_ns)) / 1e3;
}

class Measurement {
 public:
  explicit Measurement(const MeasurementSpec& spec)
      : spec_(spec), pages_(spec.workload, Side::kSource), sink_processes_(spec.dir) {}

  Result<Times> run() {
    auto times = timed();
    sink_processes_.stop(kStopGrace);
    if (times.ok() || sink_processes_.children().empty()) return times;
    const auto log = tools::tail_of_file(sink_processes_.children()[0].log(), kTailLines);
    return Error(times.error().code(), times.error().message() + "\nThe sink's log:\n" + log);
  }

 private:
  Result<Times> timed() {
    PEGAFLOW_TRY(start_sink());
    PEGAFLOW_ASSIGN(
        pool_, PagePool::create(spec_.workload, spec_.gpus[0], tools::producer_socket(spec_.dir),
                                source_instance(spec_.number)));
    PEGAFLOW_TRY(pool_->fill_all());
    PEGAFLOW_TRY(expect(*channel_, "up", kDeadline));
    for (std::uint32_t i = 0; i < spec_.warmup; ++i) PEGAFLOW_TRY(transfer(nullptr));
    Times times;
    times.source_us.reserve(spec_.iterations);
    times.target_us.reserve(spec_.iterations);
    for (std::uint32_t i = 0; i < spec_.iterations; ++i) PEGAFLOW_TRY(transfer(&times));
    PEGAFLOW_TRY(send(*channel_, {"clear", 0, {}}));
    PEGAFLOW_TRY(expect(*channel_, "cleared", kDeadline));
    PEGAFLOW_TRY(transfer(nullptr));
    PEGAFLOW_TRY(send(*channel_, {"check", 0, {}}));
    PEGAFLOW_ASSIGN(times.wrong_bytes, expect(*channel_, "wrong", kDeadline));
    return times;
  }

  Status start_sink() {
    PEGAFLOW_ASSIGN(auto ends, SeqpacketSocket::pair());
    const int fd = ends.second.fd();
    const auto& workload = spec_.workload;
    const auto text = [](auto number) { return std::to_string(number); };
    std::vector<std::string> command = {spec_.programs.self.string(),
                                        "--sink-fd",
                                        text(fd),
                                        "--sink-socket",
                                        tools::consumer_socket(spec_.dir),
                                        "--sink-number",
                                        text(spec_.number),
                                        "--sink-gpu",
                                        spec_.gpus[1],
                                        "--pages",
                                        text(workload.page_bytes),
                                        "--totals",
                                        text(workload.total_bytes),
                                        "--seed",
                                        text(workload.seed),
                                        "--memory",
                                        workload.memory == MemoryKind::kHost ? "host" : "cuda"};
    if (spec_.poll) command.emplace_back("--poll");
    PEGAFLOW_TRY(sink_processes_.spawn({"sink-" + text(spec_.number), std::move(command), fd}));
    channel_ = std::make_unique<tools::Channel>(std::move(ends.first));
    return {};
  }

  // One transfer; `times` may be null.
  Status transfer(Times* times) {
    const auto& workload = spec_.workload;
    const Key key = workload.key(transfers_);
    const auto pages = pages_.pick();
    PEGAFLOW_TRY(send(*channel_, {"ask", transfers_++, {}}));
    OfferSpec offer;
    offer.key = key;
    offer.pool = pool_->handle();
    offer.n_tokens = workload.n_tokens();
    PEGAFLOW_TRY(pool_->session().offer(offer));
    PEGAFLOW_TRY(pool_->session().table(key, 0, 0, pages, true));
    PEGAFLOW_TRY(expect(*channel_, "asked", kDeadline));
    // P computes for milliseconds after D has asked; its data is not ready in the same instant.
    compute();
    const auto ready = now_ns();
    PEGAFLOW_TRY(pool_->session().mark_ready(key, 0, {0, 1}, {0, offer.n_tokens}));
    PEGAFLOW_TRY(pool_->session().finish(key));
    PEGAFLOW_ASSIGN(const auto source_done, wait_until_done());
    PEGAFLOW_ASSIGN(const auto target_done, expect(*channel_, "done", kDeadline));
    if (times == nullptr) return {};
    times->source_us.push_back(us_between(ready, source_done));
    times->target_us.push_back(us_between(ready, target_done));
    return {};
  }

  // An engine that looks without sleeping is one whose thread has work.
  void compute() {
    const auto until = SteadyClock().now() + spec_.settle;
    if (!spec_.poll) return std::this_thread::sleep_until(until);
    while (SteadyClock().now() < until) {
    }
  }

  Result<std::uint64_t> wait_until_done() {
    const auto deadline = SteadyClock().now() + kDeadline;
    while (SteadyClock().now() < deadline) {
      const auto events = spec_.poll ? pool_->session().poll() : pool_->session().wait(kDeadline);
      const auto now = now_ns();
      for (const auto& event : events) {
        if (event.kind == EventKind::kSent) continue;
        if (event.kind == EventKind::kDone) return now;
        return failure_of(event);
      }
    }
    return Error(Code::kDeadlineExceeded, "a transfer did not end");
  }

  const MeasurementSpec& spec_;
  PagePicker pages_;
  tools::ProcessGroup sink_processes_;
  std::unique_ptr<tools::Channel> channel_;
  std::unique_ptr<PagePool> pool_;
  std::uint64_t transfers_ = 0;
};

}  // namespace

Result<Times> measure(const MeasurementSpec& spec) { return Measurement(spec).run(); }

}  // namespace pegaflow::bench
