// BenchOptions: what the command line asks for. bench/README.md explains what is measured.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "pegaflow/kv_layout.h"

namespace pegaflow::bench {

// A way from P's pool to D's: "direct" and "agent" are the two mapped links, "ucx" is the link
// between hosts.
struct LinkChoice {
  std::string name;
  bool ucx() const { return name == "ucx"; }
};

// What a sink process is told by its parent.
struct SinkArguments {
  int fd = -1;              // of the channel; ≥ 0: this process is a sink
  std::string socket_path;  // of D's agent
  std::uint32_t number = 0;
  std::string gpu;  // of its pool; for a GPU's memory
};

struct BenchOptions {
  std::vector<LinkChoice> links = {{"direct"}, {"agent"}, {"ucx"}};
  std::vector<std::uint64_t> pages = {256, 2048, 4096, 16384, 65536, 1 << 20};  // bytes
  std::vector<std::uint64_t> totals = {std::uint64_t{32} << 20};                // bytes
  std::uint32_t iterations = 50;
  std::uint32_t warmup = 10;
  MemoryKind memory = MemoryKind::kHost;       // of the engines' pools, and of the staging slots
  std::optional<MemoryKind> staging;           // of the slots, if they are of another kind
  std::vector<std::string> gpus = {"0", "1"};  // P's and D's: ordinals or UUIDs
  std::string transport = "tcp";               // of the UCX link
  bool integrity = true;
  // 0: what suits the memory. On a host what is in flight should fit into a processor's cache.
  std::uint64_t slot_bytes = 0;
  std::uint32_t slots = 0;
  std::uint32_t window = 0;
  std::uint32_t settle_us = 1000;
  std::uint64_t seed = 1;
  bool samples = false;
  bool poll = false;  // engines look for events without sleeping, as one does that is computing
  std::filesystem::path bin_dir;  // empty: where this program lies, or near it
  SinkArguments sink;
};

struct ParsedOptions {
  BenchOptions options;
  std::optional<int> exit_status;  // set: print `text` and end (help, version, wrong usage)
  std::string text;
};
// Never throws and never exits.
ParsedOptions parse_options(int argc, const char* const* argv);

}  // namespace pegaflow::bench
