// DemoOptions: what the command line asks for. docs/DEMO.md explains each option.
#pragma once

#include <array>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "pegaflow-demo/messages.h"
#include "pegaflow/result.h"
#include "support/topology_file.h"

namespace pegaflow::demo {

// One side's engines.
struct SideOptions {
  std::uint32_t tp = 1;
  std::string layout;
  std::uint32_t block_tokens = 0;
};

struct DemoOptions {
  std::string model = "qwen3-8b";  // a name under config/models, or a path
  std::string trace;               // empty: the one that comes with the program
  std::uint32_t token_scale = 16;  // tokens are divided by it
  std::uint32_t requests = 48;
  double time_scale = 1;  // arrival times are multiplied by it
  std::uint32_t concurrency = 4;
  SideOptions producer{2, "hnd", 16};
  SideOptions consumer{1, "nhd", 32};
  Push push = Push::kLayer;
  std::uint32_t compute_ns = 800;  // per token and layer
  std::uint64_t pool_mib = 0;      // of each side, all ranks; 0: what the largest requests need
  std::vector<tools::LinkKind> links = {tools::LinkKind::kMapped, tools::LinkKind::kUcx};
  std::string mapped_path = "auto";  // auto, direct, agent
  std::string transport = "tcp";     // of the UCX link
  bool integrity = true;
  MemoryKind memory = MemoryKind::kHost;         // of the pools, and of a mapped link's slots
  std::array<std::string, 2> gpus = {"0", "1"};  // P's and D's, ordinals or UUIDs, if it is kCuda
  std::uint64_t slot_bytes = std::uint64_t{1} << 20;
  std::uint32_t slots = 64;
  std::optional<std::uint32_t> corrupt;  // the request whose bytes are damaged on purpose
  std::uint64_t seed = 1;
  std::filesystem::path bin_dir;  // empty: where this program lies, or near it
  bool json = false;
  bool keep = false;
  int engine_fd = -1;  // ≥ 0: this process is an engine (internal)
};

struct ParsedOptions {
  DemoOptions options;
  std::optional<int> exit_status;  // set: print `text` and end (help, version, wrong usage)
  std::string text;
};
// Never throws and never exits.
ParsedOptions parse_options(int argc, const char* const* argv);

}  // namespace pegaflow::demo
