#include "pegaflow-demo/report.h"

#include <array>
#include <cstdarg>
#include <cstdio>
#include <functional>
#include <nlohmann/json.hpp>

#include "base/json_view.h"

namespace pegaflow::demo {
namespace {

using nlohmann::json;

[[gnu::format(printf, 1, 2)]] std::string format(const char* form, ...) {
  std::array<char, 256> text{};
  va_list arguments;
  va_start(arguments, form);
  std::vsnprintf(text.data(), text.size(), form, arguments);
  va_end(arguments);
  return text.data();
}

// "mapped, direct"; "ucx, tcp".
std::string way_of(const LinkResult& result) {
  const auto& [state, path, transport] = result.link;
  if (path.empty()) return "-";
  return path == "ucx" ? path + ", " + transport : transport + ", " + path;
}

std::string ms(double us) { return format("%.2f", us / 1e3); }
std::string three(const tools::Percentiles& values) {
  return format("%.1f / %.1f / %.1f", values.p50 / 1e3, values.p90 / 1e3, values.p99 / 1e3);
}

using Cell = std::function<std::string(const LinkResult&)>;
struct Row {
  const char* label;
  Cell cell;
};

std::vector<Row> table_rows() {
  using R = const LinkResult&;
  return {
      {"way of the bytes", way_of},
      {"requests finished",
       [](R r) { return format("%u of %u", r.summary.finished, r.summary.requests); }},
      {"mismatches", [](R r) { return format("%u", r.summary.mismatches); }},
      {"KV received, GB", [](R r) { return format("%.3f", double(r.summary.bytes) / 1e9); }},
      {"busy, s", [](R r) { return format("%.2f", r.summary.busy_seconds); }},
      {"GB/s while busy", [](R r) { return format("%.3f", r.summary.gbps); }},
      {"ready → done, ms  p50/p90/p99", [](R r) { return three(r.summary.ready_to_done_us); }},
      {"exposed, ms  p50/p90/p99", [](R r) { return three(r.summary.exposed_us); }},
      {"offer wait, ms", [](R r) { return ms(r.summary.stages.offer_wait_us); }},
      {"grant, ms", [](R r) { return ms(r.summary.stages.grant_us); }},
      {"gather, ms", [](R r) { return ms(r.summary.stages.gather_us); }},
      {"wire, ms", [](R r) { return ms(r.summary.stages.wire_us); }},
      {"scatter, ms", [](R r) { return ms(r.summary.stages.scatter_us); }},
      {"memory of all processes, MiB",
       [](R r) { return format("%.0f", double(r.memory_bytes) / (1 << 20)); }},
      {"run time, s", [](R r) { return format("%.1f", r.seconds); }},
  };
}

json percentiles_json(const tools::Percentiles& values) {
  return {{"p50", values.p50}, {"p90", values.p90}, {"p99", values.p99}};
}

json link_json(const LinkResult& result) {
  const auto& summary = result.summary;
  const auto& stages = summary.stages;
  json failures = json::array();
  for (const auto& failure : result.failures) {
    failures.push_back({{"request", failure.id}, {"reason", failure.what}});
  }
  return {{"link", to_string(result.kind)},
          {"path", result.link.path},
          {"transport", result.link.transport},
          {"ok", result.ok()},
          {"requests", summary.requests},
          {"finished", summary.finished},
          {"mismatches", summary.mismatches},
          {"bytes", summary.bytes},
          {"chunks", summary.chunks},
          {"busy_seconds", summary.busy_seconds},
          {"gbps", summary.gbps},
          {"ready_to_done_us", percentiles_json(summary.ready_to_done_us)},
          {"exposed_us", percentiles_json(summary.exposed_us)},
          {"stages",
           {{"offer_wait_us", stages.offer_wait_us},
            {"grant_us", stages.grant_us},
            {"gather_us", stages.gather_us},
            {"wire_us", stages.wire_us},
            {"scatter_us", stages.scatter_us}}},
          {"memory_bytes", result.memory_bytes},
          {"seconds", result.seconds},
          {"failures", std::move(failures)},
          {"error", result.broken ? json(*result.broken) : json()}};
}

json side_json(const SideOptions& side) {
  return {{"tp", side.tp}, {"layout", side.layout}, {"block_tokens", side.block_tokens}};
}

}  // namespace

std::string describe_run(const Workload& workload) {
  const auto& options = workload.options;
  const auto side = [](const SideOptions& one) {
    return format("TP %u, %s, blocks of %u", one.tp, one.layout.c_str(), one.block_tokens);
  };
  std::uint64_t tokens = 0;
  for (const auto& arrival : workload.arrivals) tokens += arrival.prompt.n_tokens;
  return format("%s, %llu bytes of KV per token; P: %s; D: %s\n", workload.model.name.c_str(),
                static_cast<unsigned long long>(workload.model.token_bytes()),
                side(options.producer).c_str(), side(options.consumer).c_str()) +
         format(
             "%zu requests over %.1f s, %llu prompt tokens: 1/%u of the trace's, so that it "
             "fits a small machine\n",
             workload.arrivals.size(),
             std::chrono::duration<double>(workload.arrivals.back().at).count(),
             static_cast<unsigned long long>(tokens), options.token_scale);
}

std::string result_table(const std::vector<LinkResult>& results) {
  std::string text = format("\n%-32s", "link");
  for (const auto& result : results) {
    text += format("%28s", std::string(to_string(result.kind)).c_str());
  }
  text += '\n';
  for (const auto& row : table_rows()) {
    // The arrow is three bytes and one column.
    const bool arrow = std::string_view(row.label).find("→") != std::string_view::npos;
    text += format("%-*s", arrow ? 34 : 32, row.label);
    for (const auto& result : results) text += format("%28s", row.cell(result).c_str());
    text += '\n';
  }
  return text;
}

std::string result_json(const Workload& workload, const std::vector<LinkResult>& results) {
  const auto& options = workload.options;
  json links = json::array();
  for (const auto& result : results) links.push_back(link_json(result));
  return json_text({{"model", workload.model.name},
                    {"token_bytes", workload.model.token_bytes()},
                    {"token_scale", options.token_scale},
                    {"time_scale", options.time_scale},
                    {"concurrency", options.concurrency},
                    {"push", options.push == Push::kLayer ? "layer" : "request"},
                    {"integrity", options.integrity},
                    {"memory", options.memory == MemoryKind::kCuda ? "cuda" : "host"},
                    {"slot_bytes", options.slot_bytes},
                    {"slots", options.slots},
                    {"producer", side_json(options.producer)},
                    {"consumer", side_json(options.consumer)},
                    {"links", std::move(links)}});
}

std::string failure_text(const LinkResult& result) {
  std::string text;
  const std::string link(to_string(result.kind));
  if (result.broken) text += link + " link: " + *result.broken + "\n";
  for (const auto& failure : result.failures) {
    text += link + " link, request " + std::to_string(failure.id) + ": " + failure.what + "\n";
  }
  if (!result.log_tails.empty()) text += result.log_tails;
  return text;
}

}  // namespace pegaflow::demo
