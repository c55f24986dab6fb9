#include "pegaflow-demo/stats.h"

#include <algorithm>

namespace pegaflow::demo {
namespace {

double to_us(Nanos time) { return static_cast<double>(time.count()) / 1e3; }

// From one monotonic time stamp to a later one; 0 when they lie the other way round (D may have
// everything before P's clock call returns).
double us_between(std::uint64_t begin_ns, std::uint64_t end_ns) {
  return end_ns > begin_ns ? static_cast<double>(end_ns - begin_ns) / 1e3 : 0;
}

LinkSummary::Stages median_stages(std::span<const Outcome* const> finished) {
  const auto median = [&](Nanos TransferStats::* stage) {
    std::vector<double> values;
    for (const auto* outcome : finished) values.push_back(to_us(outcome->stats.*stage));
    return tools::percentiles_of(std::move(values)).p50;
  };
  return {median(&TransferStats::offer_wait), median(&TransferStats::grant),
          median(&TransferStats::gather), median(&TransferStats::wire),
          median(&TransferStats::scatter)};
}

}  // namespace

std::uint64_t covered_ns(std::vector<TimeSpan> spans) {
  std::ranges::sort(spans, {}, &TimeSpan::begin_ns);
  std::uint64_t sum = 0;
  std::uint64_t end = 0;
  for (const auto& span : spans) {
    const auto begin = std::max(end, span.begin_ns);
    if (span.end_ns <= begin) continue;
    sum += span.end_ns - begin;
    end = span.end_ns;
  }
  return sum;
}

LinkSummary summarize(const Router& router) {
  LinkSummary summary;
  std::vector<const Outcome*> finished;
  std::vector<TimeSpan> spans;
  std::vector<double> ready_to_done;
  std::vector<double> exposed;
  const auto& outcomes = router.outcomes();
  summary.requests = static_cast<std::uint32_t>(outcomes.size());
  for (std::uint32_t id = 0; id < summary.requests; ++id) {
    const auto& outcome = outcomes[id];
    if (outcome.wrong_bytes > 0) ++summary.mismatches;
    if (!router.succeeded(id)) continue;
    ++summary.finished;
    summary.bytes += outcome.stats.bytes;
    summary.chunks += outcome.stats.chunks;
    finished.push_back(&outcome);
    spans.push_back({outcome.first_ready_ns, outcome.done_ns});
    ready_to_done.push_back(us_between(outcome.first_ready_ns, outcome.done_ns));
    exposed.push_back(us_between(outcome.last_ready_ns, outcome.done_ns));
  }
  const auto busy_ns = static_cast<double>(covered_ns(std::move(spans)));
  summary.busy_seconds = busy_ns / 1e9;
  summary.gbps = busy_ns > 0 ? static_cast<double>(summary.bytes) / busy_ns : 0;
  summary.ready_to_done_us = tools::percentiles_of(std::move(ready_to_done));
  summary.exposed_us = tools::percentiles_of(std::move(exposed));
  summary.stages = median_stages(finished);
  return summary;
}

}  // namespace pegaflow::demo
