// What a checksum per chunk costs: gathers and scatters of one pool's chunks by the host mover,
// with and without it, in turns of one run. Prints rates (medians of the turns) and their ratios.
//
//   build/release/bench/integrity_bench [TURNS]
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <numeric>
#include <random>
#include <vector>

#include "base/crc32c.h"
#include "core/slot_word.h"
#include "memory/host_mover.h"
#include "memory/region.h"
#include "tests/core/layouts.h"

namespace pegaflow {
namespace {

constexpr std::uint32_t kLayers = 16, kTokens = 1024, kBlockTokens = 16;
constexpr std::uint64_t kSlotBytes = std::uint64_t{4} << 20;
constexpr std::uint32_t kBlocks = 128;  // of the pool; the sequence takes half of them, at random

KvShape shape() {
  KvGroupShape group = core::testing::small_group(kLayers);
  group.part_bytes = {256, 256};  // 8 heads of 128 elements: 4 KiB per token and layer
  group.block_tokens = kBlockTokens;
  KvShape shape;
  shape.groups = {group};
  return shape;
}

core::testing::TestPool pool(core::BlockStyle style) {
  const core::GroupStyle group{style, core::Placement::kPerLayer, kBlocks, 0};
  return {shape(), std::span(&group, 1)};
}

// Processor time of this thread.
double seconds() {
  timespec now{};
  if (::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now) != 0) std::abort();
  return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) / 1e9;
}

class Bench {
 public:
  Bench() {
    std::iota(ids_.begin(), ids_.end(), 0U);
    std::shuffle(ids_.begin(), ids_.end(), std::mt19937(1));
    ids_.resize(kTokens / kBlockTokens);
    table_ = {ids_, 0};
    const core::TokenRange tokens{0, kTokens};
    plan_ = core::plan_stream(source_.shape(), sink_.shape(), std::span(&tokens, 1), kSlotBytes)
                .value();
    checksums_.resize(plan_.n_chunks);
  }

  // Bytes per second of all chunks gathered (or scattered) once, one after the other, each in a
  // slot of its own: nothing is found in a cache that the next does not find there, too.
  double rate(memory::MoveDirection direction, core::ChecksumKind integrity) {
    const double began = seconds();
    for (std::uint32_t chunk = 0; chunk < plan_.n_chunks; ++chunk) {
      const memory::MoveResult result = move(direction, integrity, ChunkIndex{chunk});
      if (direction == memory::MoveDirection::kGather) checksums_[chunk] = result.checksum;
      if (!result.ok) std::abort();  // a scatter whose checksum does not agree measures nothing
    }
    return static_cast<double>(plan_.bytes) / (seconds() - began);
  }

  double checksum_rate() {
    const auto bytes = region_.segments()[0];
    const double began = seconds();
    volatile std::uint32_t sum = crc32c(bytes);
    (void)sum;
    return static_cast<double>(bytes.size()) / (seconds() - began);
  }

 private:
  memory::MoveResult move(memory::MoveDirection direction, core::ChecksumKind integrity,
                          ChunkIndex chunk) {
    const bool gather = direction == memory::MoveDirection::kGather;
    const SlotIndex slot{chunk.value % region_.slot_count()};
    memory::MoveJob job;
    job.direction = direction;
    job.plan = &plan_;
    job.chunk = chunk;
    job.layout = gather ? &source_.layout() : &sink_.layout();
    job.tables = std::span(&table_, 1);
    job.slot = region_.slot(slot);
    job.integrity = integrity;
    job.checksum = checksums_[chunk.value];
    if (gather) {
      job.header = region_.control().header(slot);
      job.word = &region_.control().word(slot);
      job.filled_word = core::filled_word(Generation{1}, WriterId{1});
    }
    mover_.submit(std::span(&job, 1));
    std::array<memory::MoveResult, 1> results;
    if (mover_.poll(results) != 1) std::abort();
    return results[0];
  }

  core::testing::TestPool source_ = pool(core::BlockStyle::kPartNhd);
  core::testing::TestPool sink_ = pool(core::BlockStyle::kBlockPartHnd);
  std::vector<std::uint32_t> ids_ = std::vector<std::uint32_t>(kBlocks);
  core::TableView table_;
  core::StreamPlan plan_;
  std::vector<std::uint32_t> checksums_;
  memory::Region region_ = *memory::Region::create({"bench", MemoryKind::kHost, kSlotBytes, 64});
  SteadyClock clock_;
  memory::HostMover mover_{clock_, 4};
};

double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

void run(int turns) {
  Bench bench;
  std::vector<double> gather[2], scatter[2], checksum;
  for (int turn = 0; turn <= turns; ++turn) {
    for (const bool on : {false, true}) {
      const auto kind = on ? core::ChecksumKind::kCrc32c : core::ChecksumKind::kNone;
      const double in = bench.rate(memory::MoveDirection::kGather, kind);
      const double out = bench.rate(memory::MoveDirection::kScatter, kind);
      if (turn == 0) continue;  // pages are touched for the first time
      gather[on].push_back(in);
      scatter[on].push_back(out);
    }
    checksum.push_back(bench.checksum_rate());
  }
  const auto line = [](const char* what, const std::vector<double>* rates) {
    const double off = median(rates[0]), on = median(rates[1]);
    std::printf("%-8s %8.2f %8.2f %8.2f\n", what, off / 1e9, on / 1e9, on / off);
  };
  std::printf("GB/s          off       on   on/off\n");
  line("gather", gather);
  line("scatter", scatter);
  std::printf("CRC32C alone: %.2f GB/s\n", median(checksum) / 1e9);
}

}  // namespace
}  // namespace pegaflow

int main(int argc, char** argv) {
  const int turns = argc > 1 ? std::atoi(argv[1]) : 15;
  if (turns < 1) {
    std::fprintf(stderr, "usage: %s [TURNS ≥ 1]\n", argv[0]);
    return 2;
  }
  pegaflow::run(turns);
  return 0;
}
