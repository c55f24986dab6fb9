// The checksum, with the processor's instruction and without.
#include <benchmark/benchmark.h>

#include <cstddef>
#include <vector>

#include "base/crc32c.h"

namespace {

using Sum = std::uint32_t (*)(std::span<const std::byte>, std::uint32_t);

void checksum(benchmark::State& state, Sum sum) {
  const std::vector<std::byte> bytes(static_cast<std::size_t>(state.range(0)), std::byte{7});
  for (auto _ : state) benchmark::DoNotOptimize(sum(bytes, 0));
  state.SetBytesProcessed(state.iterations() * state.range(0));
}
BENCHMARK_CAPTURE(checksum, best, &pegaflow::crc32c)->Arg(64)->Arg(1024)->Arg(16384)->Arg(1 << 20);
BENCHMARK_CAPTURE(checksum, portable, &pegaflow::crc32c_portable)->Arg(1024)->Arg(16384);

}  // namespace

BENCHMARK_MAIN();
