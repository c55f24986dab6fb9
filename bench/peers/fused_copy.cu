// The floor "one fused kernel": every page goes from its place to its place on another GPU in one
// launch, and nothing else: no slots, no checksums, no word to anybody. In several versions, since
// which one is the fastest depends on the GPUs; fused_copy.py tries them.
#include <cstdint>

namespace {

constexpr std::uint32_t kThreads = 256;

struct Pages {
  uint4* to;
  const uint4* from;
  const std::uint32_t* to_page;    // where the i-th page goes
  const std::uint32_t* from_page;  // and where it lies
  std::uint32_t per_page;          // vectors of 16 bytes
  std::uint32_t count;             // vectors in all
};

// A block moves one tile after the other. Neighbouring threads take neighbouring vectors, so that a
// warp moves 512 bytes at a time; each has kInFlight loads under way.
template <std::uint32_t kInFlight>
__device__ void copy(const Pages& pages) {
  constexpr std::uint32_t kTile = kThreads * kInFlight;
  for (std::uint64_t tile = std::uint64_t{blockIdx.x} * kTile; tile < pages.count;
       tile += std::uint64_t{gridDim.x} * kTile) {
    uint4 held[kInFlight];
    uint4* place[kInFlight];
#pragma unroll
    for (std::uint32_t i = 0; i < kInFlight; ++i) {
      const std::uint64_t vector = tile + i * kThreads + threadIdx.x;
      place[i] = nullptr;
      if (vector < pages.count) {
        const std::uint32_t page = static_cast<std::uint32_t>(vector) / pages.per_page;
        const std::uint32_t within = static_cast<std::uint32_t>(vector) % pages.per_page;
        const std::uint64_t begin = std::uint64_t{pages.from_page[page]} * pages.per_page;
        held[i] = __ldcs(pages.from + begin + within);
        place[i] = pages.to + std::uint64_t{pages.to_page[page]} * pages.per_page + within;
      }
    }
#pragma unroll
    for (std::uint32_t i = 0; i < kInFlight; ++i) {
      if (place[i] != nullptr) {
        __stcs(place[i], held[i]);
      }
    }
  }
}

}  // namespace

extern "C" __global__ void __launch_bounds__(kThreads) fused_copy_2(Pages pages) { copy<2>(pages); }
extern "C" __global__ void __launch_bounds__(kThreads) fused_copy_4(Pages pages) { copy<4>(pages); }
extern "C" __global__ void __launch_bounds__(kThreads) fused_copy_8(Pages pages) { copy<8>(pages); }
