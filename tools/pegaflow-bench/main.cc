// pegaflow-bench: times transfers of random pages between two engines, through agents of this
// machine, and prints a line of JSON for each size and link.
#include <array>
#include <cstdio>
#include <string>

#include "base/clock.h"
#include "memory/device.h"
#include "pegaflow-bench/measurement.h"
#include "pegaflow-bench/options.h"
#include "pegaflow-bench/report.h"
#include "pegaflow-bench/sink.h"
#include "support/interrupt.h"
#include "support/node_pair.h"
#include "support/process_group.h"
#include "support/temp_dir.h"

namespace pegaflow::bench {
namespace {

constexpr Millis kStopGrace{5'000};

// P's and D's GPU as the driver names them, whatever the options call them; none for host memory.
Result<std::array<std::string, 2>> gpus_of(const BenchOptions& options) {
  std::array<std::string, 2> uuids;
  if (options.memory != MemoryKind::kCuda) return uuids;
  for (std::size_t i = 0; i < uuids.size(); ++i) {
    PEGAFLOW_ASSIGN(const auto device, memory::open_gpu(options.gpus[i]));
    uuids[i] = device->gpu_uuid();
  }
  return uuids;
}

tools::PairOptions pair_options(const BenchOptions& options, const LinkChoice& link,
                                const std::array<std::string, 2>& gpus) {
  tools::PairOptions pair;
  pair.kind = link.ucx() ? tools::LinkKind::kUcx : tools::LinkKind::kMapped;
  if (!link.ucx()) pair.mapped_path = link.name;
  pair.transport = options.transport;
  pair.integrity = options.integrity;
  pair.slot_bytes = options.slot_bytes;
  pair.slots = options.slots;
  pair.window = options.window;
  pair.cuda_slots = options.staging.value_or(options.memory) == MemoryKind::kCuda;
  pair.gpus = gpus;
  return pair;
}

// All sizes over one link. False: some bytes were wrong.
Result<bool> measure_link(const BenchOptions& options, const LinkChoice& link,
                          MeasurementSpec& spec, tools::NodePair& nodes) {
  bool right = true;
  for (const auto total : options.totals) {
    for (const auto page : options.pages) {
      if (page > total) continue;
      spec.workload = {page, total, options.memory, options.seed};
      ++spec.number;
      PEGAFLOW_ASSIGN(const auto times, measure(spec));
      PEGAFLOW_TRY(nodes.check());
      PEGAFLOW_ASSIGN(const auto state, nodes.link_state());
      const auto line = report_line(spec.workload, link, state, times, options.samples);
      std::printf("%s\n", line.c_str());
      std::fflush(stdout);
      right = right && times.wrong_bytes == 0;
    }
  }
  return right;
}

Result<bool> run_link(const BenchOptions& options, const LinkChoice& link,
                      const tools::Programs& programs, const tools::Interrupt& interrupt) {
  PEGAFLOW_ASSIGN(const auto gpus, gpus_of(options));
  PEGAFLOW_ASSIGN(const auto dir, tools::TempDir::create());
  tools::ProcessGroup processes(dir.path());
  tools::NodePair nodes({pair_options(options, link, gpus), programs, dir.path()}, processes,
                        interrupt);
  PEGAFLOW_TRY(nodes.start());
  PEGAFLOW_TRY(nodes.wait_for_link());
  MeasurementSpec spec;
  spec.iterations = options.iterations;
  spec.warmup = options.warmup;
  spec.settle = std::chrono::microseconds(options.settle_us);
  spec.gpus = gpus;
  spec.poll = options.poll;
  spec.programs = programs;
  spec.dir = dir.path();
  auto right = measure_link(options, link, spec, nodes);
  processes.stop(kStopGrace);
  return right;
}

Result<bool> run_links(const BenchOptions& options) {
  PEGAFLOW_ASSIGN(const auto programs, tools::find_programs(options.bin_dir));
  PEGAFLOW_ASSIGN(const auto interrupt, tools::Interrupt::create());
  bool right = true;
  for (const auto& link : options.links) {
    auto one = run_link(options, link, programs, interrupt);
    if (!one.ok()) return one.error().within(link.name);
    right = right && *one;
  }
  return right;
}

int run(int argc, const char* const* argv) {
  const auto parsed = parse_options(argc, argv);
  if (parsed.exit_status) {
    std::fputs(parsed.text.c_str(), *parsed.exit_status == 0 ? stdout : stderr);
    return *parsed.exit_status;
  }
  if (parsed.options.sink.fd >= 0) return run_sink(parsed.options);
  const auto right = run_links(parsed.options);
  if (right.ok()) return *right ? 0 : 1;
  std::fprintf(stderr, "pegaflow-bench: %s\n", right.error().message().c_str());
  return 1;
}

}  // namespace
}  // namespace pegaflow::bench

int main(int argc, char** argv) { return pegaflow::bench::run(argc, argv); }
