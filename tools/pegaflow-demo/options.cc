#include "pegaflow-demo/options.h"

#include <CLI/CLI.hpp>
#include <map>
#include <sstream>

#include "pegaflow-demo/layout_names.h"

namespace pegaflow::demo {
namespace {

const std::map<std::string, MemoryKind> kMemoryKinds = {{"host", MemoryKind::kHost},
                                                        {"cuda", MemoryKind::kCuda}};

// Texts that CLI11 fills and parse_options turns into values.
struct Choices {
  std::string link = "both";
  std::string path = "auto";
  std::string push = "layer";
  std::string integrity = "on";
};

void add_workload(CLI::App& app, DemoOptions& options, Choices& choices) {
  auto* group = app.add_option_group("Workload");
  group->add_option("--model", options.model,
                    "A model of config/models, or a JSON file like those");
  group->add_option("--trace", options.trace, "Requests to replay; default: the bundled trace");
  group->add_option("--requests", options.requests, "How many of its rows")
      ->check(CLI::Range(1u, 1'000'000u));
  group->add_option("--token-scale", options.token_scale, "Divide all token counts by this")
      ->check(CLI::IsMember({1, 2, 4, 8, 16, 32, 64, 128}));
  group->add_option("--time-scale", options.time_scale, "Multiply arrival times by this")
      ->check(CLI::Range(0.0, 1000.0));
  group->add_option("--concurrency", options.concurrency, "Requests in flight at most")
      ->check(CLI::Range(1u, 512u));
  group->add_option("--push", choices.push, "P marks KV ready after each layer, or each request")
      ->check(CLI::IsMember({"layer", "request"}));
  group->add_option("--compute-ns", options.compute_ns, "P's compute time per token and layer")
      ->check(CLI::Range(0u, 1'000'000u));
  group
      ->add_option("--corrupt", options.corrupt,
                   "Damage one byte of this request at D: the comparison must find it")
      ->check(CLI::Range(0u, 999'999u));
  group->add_option("--seed", options.seed, "Of the random choice of KV blocks");
}

void add_side(CLI::App& app, const std::string& prefix, const char* title, SideOptions& side) {
  auto* group = app.add_option_group(title);
  group->add_option("--" + prefix + "-tp", side.tp, "Tensor-parallel ranks")
      ->check(CLI::Range(1u, 64u));
  group->add_option("--" + prefix + "-layout", side.layout, "KV layout")
      ->check(CLI::IsMember(layout_names()));
  group->add_option("--" + prefix + "-block", side.block_tokens, "Tokens per KV block")
      ->check(CLI::Range(1u, 4096u));
}

void add_links(CLI::App& app, DemoOptions& options, Choices& choices) {
  auto* group = app.add_option_group("Links");
  group
      ->add_option("--link", choices.link,
                   "mapped: shared memory of one host; ucx: as between hosts")
      ->check(CLI::IsMember({"mapped", "ucx", "both"}));
  group->add_option("--path", choices.path, "The topology's path; ucx: the same as --link ucx")
      ->check(CLI::IsMember({"auto", "direct", "agent", "ucx"}));
  group->add_option("--transport", options.transport, "The UCX link's data transport");
  group->add_option("--integrity", choices.integrity, "A checksum per chunk")
      ->check(CLI::IsMember({"on", "off"}));
  group->add_option("--slot-bytes", options.slot_bytes, "Bytes of a staging slot, a power of two")
      ->check(CLI::Range(std::uint64_t{4096}, std::uint64_t{64} << 20));
  group->add_option("--slots", options.slots, "Staging slots of each agent")
      ->check(CLI::Range(2u, 4096u));
}

void add_memory(CLI::App& app, DemoOptions& options) {
  auto* group = app.add_option_group("Memory");
  group->add_option("--memory", options.memory, "Of the engines' pools: host, cuda")
      ->transform(CLI::CheckedTransformer(kMemoryKinds));
  group->add_option("--gpus", options.gpus, "With --memory cuda: P's and D's, ordinals or UUIDs")
      ->delimiter(',')
      ->expected(2);
}

void add_program(CLI::App& app, DemoOptions& options) {
  auto* group = app.add_option_group("Program");
  group->add_option("--pool-mib", options.pool_mib, "KV memory of each side; 0: as needed")
      ->check(CLI::Range(std::uint64_t{0}, std::uint64_t{1} << 20));
  group->add_option("--bin-dir", options.bin_dir, "Where pegaflow-agent and -rendezvous are");
  group->add_flag("--json", options.json, "One JSON object instead of tables");
  group->add_flag("--keep", options.keep, "Keep the topology and the logs");
  app.add_option("--engine-fd", options.engine_fd)->group("");
}

void choose_links(const Choices& choices, const CLI::App& app, DemoOptions& options) {
  const bool path_ucx = choices.path == "ucx";
  if (choices.link == "mapped") options.links = {tools::LinkKind::kMapped};
  if (choices.link == "ucx" || path_ucx) options.links = {tools::LinkKind::kUcx};
  if (path_ucx && choices.link == "mapped") {
    throw CLI::ValidationError("--path", "ucx contradicts --link mapped");
  }
  if (!path_ucx && choices.link == "ucx" && app.count("--path") > 0) {
    throw CLI::ValidationError("--path", choices.path + " contradicts --link ucx");
  }
  if (!path_ucx) options.mapped_path = choices.path;
}

void choose(const Choices& choices, const CLI::App& app, DemoOptions& options) {
  choose_links(choices, app, options);
  options.push = choices.push == "layer" ? Push::kLayer : Push::kRequest;
  options.integrity = choices.integrity == "on";
  if ((options.slot_bytes & (options.slot_bytes - 1)) != 0) {
    throw CLI::ValidationError("--slot-bytes", "must be a power of two");
  }
  if (options.corrupt && *options.corrupt >= options.requests) {
    throw CLI::ValidationError(
        "--corrupt", "requests are numbered from 0; there are " + std::to_string(options.requests));
  }
}

}  // namespace

ParsedOptions parse_options(int argc, const char* const* argv) {
  ParsedOptions parsed;
  auto& options = parsed.options;
  Choices choices;
  CLI::App app("Replays real requests through PegaFlow on this machine and checks every byte.",
               "pegaflow-demo");
  app.option_defaults()->always_capture_default()->take_last();
  add_workload(app, options, choices);
  add_side(app, "p", "Prefill engines", options.producer);
  add_side(app, "d", "Decode engines", options.consumer);
  add_links(app, options, choices);
  add_memory(app, options);
  add_program(app, options);
  try {
    app.parse(argc, argv);
    choose(choices, app, options);
  } catch (const CLI::ParseError& error) {
    std::ostringstream text;
    parsed.exit_status = app.exit(error, text, text) == 0 ? 0 : 2;
    parsed.text = text.str();
  }
  return parsed;
}

}  // namespace pegaflow::demo
