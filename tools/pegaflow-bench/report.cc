#include "pegaflow-bench/report.h"

#include <sched.h>
#include <sys/utsname.h>

#include <nlohmann/json.hpp>

#include "base/json_view.h"
#include "support/percentiles.h"
#include "support/text_file.h"

namespace pegaflow::bench {
namespace {

// The text after `name` and a colon in a file of such lines.
std::string value_in(const std::string& text, const std::string& name) {
  const auto at = text.find(name);
  if (at == std::string::npos) return "unknown processor";
  const auto begin = text.find_first_not_of(" \t:", at + name.size());
  return text.substr(begin, text.find('\n', begin) - begin);
}

}  // namespace

std::string describe_machine() {
  constexpr std::size_t kMaxBytes = std::size_t{4} << 20;
  const auto info = tools::read_text_file("/proc/cpuinfo", kMaxBytes);
  utsname system{};
  ::uname(&system);
  cpu_set_t cpus;
  CPU_ZERO(&cpus);
  ::sched_getaffinity(0, sizeof cpus, &cpus);
  return value_in(info.ok() ? *info : "", "model name") + ", " + std::to_string(CPU_COUNT(&cpus)) +
         " CPUs, Linux " + std::string(system.release);
}

std::string report_line(const Workload& workload, const LinkChoice& choice,
                        const tools::LinkState& link, const Times& times, bool samples) {
  const auto source = tools::percentiles_of(times.source_us);
  const auto target = tools::percentiles_of(times.target_us);
  const auto bytes = static_cast<double>(workload.total_bytes);
  nlohmann::json line = {{"engine", "pegaflow"},
                         {"version", PEGAFLOW_VERSION},
                         {"variant", choice.name},
                         {"memory", workload.memory == MemoryKind::kHost ? "host" : "cuda"},
                         {"link", choice.ucx() ? "ucx" : "mapped"},
                         {"transport", link.transport},
                         {"page", workload.page_bytes},
                         {"fragments", workload.fragments()},
                         {"bytes", workload.total_bytes},
                         {"contiguous", workload.page_bytes},
                         {"iterations", times.target_us.size()},
                         {"total_us_p50", source.p50},
                         {"total_us_p99", source.p99},
                         {"target_us_p50", target.p50},
                         {"target_us_p99", target.p99},
                         {"gbps", bytes / (target.p50 * 1e3)},
                         {"us_per_fragment", target.p50 / workload.fragments()},
                         {"verified", times.wrong_bytes == 0},
                         {"machine", describe_machine()}};
  if (samples) {
    line["total_us"] = times.source_us;
    line["target_us"] = times.target_us;
  }
  return json_text(line);
}

}  // namespace pegaflow::bench
