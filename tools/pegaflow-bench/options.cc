#include "pegaflow-bench/options.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <map>
#include <sstream>

#include "pegaflow-bench/workload.h"

namespace pegaflow::bench {
namespace {

constexpr std::uint64_t kMaxBytes = std::uint64_t{64} << 30;

const std::map<std::string, MemoryKind> kMemoryKinds = {{"host", MemoryKind::kHost},
                                                        {"cuda", MemoryKind::kCuda}};

// By its name; what CLI11 makes of enums shows, and takes, their values as characters.
template <typename Memory>
void add_memory(CLI::Option_group* group, const std::string& name, Memory& memory,
                const std::string& what) {
  const auto set = [&memory](const std::string& kind) { memory = kMemoryKinds.at(kind); };
  group->add_option_function<std::string>(name, set, what)->check(CLI::IsMember({"host", "cuda"}));
}

void add_workload(CLI::App& app, BenchOptions& options) {
  auto* group = app.add_option_group("Workload");
  group->add_option("--pages", options.pages, "Page sizes in bytes: one contiguous piece each")
      ->delimiter(',')
      ->check(CLI::Range(kMinPageBytes, kMaxBytes));
  group->add_option("--totals", options.totals, "Bytes of a transfer")
      ->delimiter(',')
      ->check(CLI::Range(kMinPageBytes, kMaxBytes));
  group->add_option("--iterations", options.iterations, "Timed transfers of each size")
      ->check(CLI::Range(1u, 1'000'000u));
  group->add_option("--warmup", options.warmup, "Transfers before, not timed")
      ->check(CLI::Range(0u, 1'000'000u));
  group
      ->add_option("--settle-us", options.settle_us,
                   "Pause between D's request and P's data becoming ready")
      ->check(CLI::Range(0u, 1'000'000u));
  add_memory(group, "--memory", options.memory, "Of both pools, and of the slots");
  group->add_option("--gpus", options.gpus, "With --memory cuda: P's and D's, ordinals or UUIDs")
      ->delimiter(',')
      ->expected(2);
  group->add_option("--seed", options.seed, "Of page ids and bytes");
}

void add_links(CLI::App& app, BenchOptions& options, std::vector<std::string>& links) {
  auto* group = app.add_option_group("Links");
  group->add_option("--links", links, "direct, agent: mapped, of one host; ucx: as between hosts")
      ->delimiter(',')
      ->check(CLI::IsMember({"direct", "agent", "ucx"}));
  group->add_option("--transport", options.transport, "The UCX link's data transport");
  group->add_option("--integrity", options.integrity, "A checksum per chunk: true, false");
  group->add_option("--slot-bytes", options.slot_bytes, "Bytes of a staging slot, a power of two")
      ->check(CLI::Range(std::uint64_t{4096}, std::uint64_t{64} << 20));
  group->add_option("--slots", options.slots, "Staging slots of each agent")
      ->check(CLI::Range(2u, 4096u));
  group->add_option("--window", options.window, "Slots in flight at most")
      ->check(CLI::Range(1u, 1024u));
  add_memory(group, "--staging", options.staging, "Of the slots, if another than the pools'");
}

void add_program(CLI::App& app, BenchOptions& options) {
  app.add_flag("--samples", options.samples, "Every transfer's times in each line, too");
  app.add_flag("--poll", options.poll, "Engines look for their events without sleeping");
  app.add_option("--bin-dir", options.bin_dir, "Where pegaflow-agent and -rendezvous are");
  app.add_option("--sink-fd", options.sink.fd)->group("");
  app.add_option("--sink-socket", options.sink.socket_path)->group("");
  app.add_option("--sink-number", options.sink.number)->group("");
  app.add_option("--sink-gpu", options.sink.gpu)->group("");
}

// ADR 91.
void choose_staging(BenchOptions& options) {
  const bool host = options.memory == MemoryKind::kHost;
  if (options.slot_bytes == 0) options.slot_bytes = std::uint64_t{host ? 1U : 4U} << 20;
  if (options.window == 0) {
    const std::uint32_t most = host ? 4 : 12;
    options.window = options.slots == 0 ? most : std::clamp(options.slots / 3, 1U, most);
  }
  if (options.slots == 0) options.slots = 2 * options.window + 8;
}

void check(const BenchOptions& options) {
  if (options.window > options.slots) {
    throw CLI::ValidationError("--window", std::to_string(options.window) +
                                               ": expected at most the slots, " +
                                               std::to_string(options.slots));
  }

  for (const auto total : options.totals) {
    for (const auto page : options.pages) {
      if (page > total) continue;  // left out
      const auto status = check_workload({page, total, options.memory, options.seed});
      if (!status.ok()) throw CLI::ValidationError("--pages", status.error().message());
    }
  }
}

}  // namespace

ParsedOptions parse_options(int argc, const char* const* argv) {
  ParsedOptions parsed;
  auto& options = parsed.options;
  std::vector<std::string> links;
  CLI::App app(
      "Times transfers of random pages between two engine processes; one JSON object a line.",
      "pegaflow-bench");
  add_workload(app, options);
  add_links(app, options, links);
  add_program(app, options);
  try {
    app.parse(argc, argv);
    choose_staging(options);
    check(options);
  } catch (const CLI::ParseError& error) {
    std::ostringstream text;
    parsed.exit_status = app.exit(error, text, text) == 0 ? 0 : 2;
    parsed.text = text.str();
  }
  if (!links.empty()) options.links.clear();
  for (auto& link : links) options.links.push_back({std::move(link)});
  return parsed;
}

}  // namespace pegaflow::bench
