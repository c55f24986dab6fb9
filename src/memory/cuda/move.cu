// Kernels that copy between pools and slots: gather_V, scatter_V, with or without checksum, for
// units of V bytes; and, for slots that a copy engine filled, sum_V, which reads the pool once more
// for the checksum, and finish, which only reports them.
//
// A launch works on several slots. Each slot is cut into stripes; CTA c of n takes the stripes c,
// c + n, …, counted through all slots, so slots end in order. The CTA that ends a slot's last
// stripe reports it.
#include <cstdint>

#include "core/checksum.h"
#include "memory/cuda/launch.h"

namespace pegaflow::memory::cuda {
namespace {

template <int kBytes>
struct Unit;
template <>
struct Unit<16> {
  using Type = uint4;
};
template <>
struct Unit<8> {
  using Type = uint2;
};
template <>
struct Unit<4> {
  using Type = unsigned int;
};
template <>
struct Unit<2> {
  using Type = unsigned short;
};
template <>
struct Unit<1> {
  using Type = unsigned char;
};

__device__ std::uint64_t gpu_time() {
  std::uint64_t now;
  asm volatile("mov.u64 %0, %globaltimer;" : "=l"(now));
  return now;
}

__device__ void store(std::uint64_t address, std::uint64_t value) {
  asm volatile("st.relaxed.sys.global.u64 [%0], %1;" ::"l"(address), "l"(value) : "memory");
}
// Whoever sees the value sees all that this thread stored before.
__device__ void store_release(std::uint32_t* address, std::uint32_t value) {
  asm volatile("st.release.sys.global.u32 [%0], %1;" ::"l"(address), "r"(value) : "memory");
}

// The blocks of a stripe, by shared memory where they fit.
struct Ids {
  const std::uint32_t* cached;  // null: read them where they are
  const std::uint32_t* all;
  std::uint32_t first;  // cached[0] is all[first]
  __device__ std::uint32_t operator[](std::uint32_t block) const {
    return cached != nullptr ? cached[block - first] : all[block];
  }
};

// Reads the ids of units [begin, end) into `cache`, by all threads. They lie in host memory: once
// per stripe is often enough.
__device__ Ids load_ids(const Launch& launch, const LaunchSlot& slot, std::uint32_t begin,
                        std::uint32_t end, std::uint32_t* cache) {
  const std::uint64_t here = reinterpret_cast<std::uint64_t>(&launch);
  const auto* all = reinterpret_cast<const std::uint32_t*>(
      slot.ids < sizeof(Launch) ? here + slot.ids : slot.ids);
  std::uint32_t first = 0;
  std::uint32_t count = slot.n_ids;
  const UnitPlace from = place_of(slot, begin);
  const UnitPlace last = place_of(slot, end - 1);
  if (from.layer == last.layer) {
    first = from.block;
    count = last.block + 1 - first;
  }
  if (count > kCachedIds) return {nullptr, all, 0};
  __syncthreads();  // the stripe before is done with the cache
  for (std::uint32_t i = threadIdx.x; i < count; i += kThreads) cache[i] = all[first + i];
  __syncthreads();
  return {cache, all, first};
}

// Where a unit of the slot lies in the pool.
template <int kBytes>
__device__ std::uint64_t pool_address(const Launch& launch, const LaunchSlot& slot, const Ids& ids,
                                      std::uint32_t unit) {
  const UnitPlace place = place_of(slot, unit);
  const LayerAddress* at =
      reinterpret_cast<const LayerAddress*>(launch.layers) + slot.first_layer + place.layer;
  LayerAddress layer;
  layer.part_base[0] = __ldg(&at->part_base[0]);
  layer.part_base[1] = __ldg(&at->part_base[1]);
  layer.block_stride = __ldg(&at->block_stride);
  layer.token_stride = __ldg(&at->token_stride);
  layer.head_stride = __ldg(&at->head_stride);
  return address_of(slot, place, layer, ids[place.block], kBytes);
}

__device__ std::uint64_t weigh(std::uint32_t word, std::uint32_t index) {
  return word * core::slot_sum_key(index);
}
__device__ std::uint64_t weigh(const uint4& value, std::uint32_t unit) {
  return weigh(value.x, 4 * unit) + weigh(value.y, 4 * unit + 1) + weigh(value.z, 4 * unit + 2) +
         weigh(value.w, 4 * unit + 3);
}
__device__ std::uint64_t weigh(const uint2& value, std::uint32_t unit) {
  return weigh(value.x, 2 * unit) + weigh(value.y, 2 * unit + 1);
}
// Of a word, the lower or upper bytes: the sum is linear, but only mod 2^64, so they are shifted
// as 64-bit numbers.
__device__ std::uint64_t weigh(unsigned short value, std::uint32_t unit) {
  return (std::uint64_t{value} << (16 * (unit % 2))) * core::slot_sum_key(unit / 2);
}
__device__ std::uint64_t weigh(unsigned char value, std::uint32_t unit) {
  return (std::uint64_t{value} << (8 * (unit % 4))) * core::slot_sum_key(unit / 4);
}

enum class Work { kGather, kScatter, kSum };

// Copies units [begin, end), or only reads them from the pool; returns this thread's share of
// their sum.
template <int kBytes, Work kWork, bool kSum>
__device__ std::uint64_t copy_stripe(const Launch& launch, const LaunchSlot& slot, const Ids& ids,
                                     std::uint32_t begin, std::uint32_t end) {
  using Type = typename Unit<kBytes>::Type;
  auto* const in_slot = reinterpret_cast<Type*>(slot.slot);
  std::uint64_t sum = 0;
  for (std::uint32_t at = begin + threadIdx.x; at < end; at += kInFlight * kThreads) {
    Type values[kInFlight];
    Type* to[kInFlight];
#pragma unroll
    for (std::uint32_t i = 0; i < kInFlight; ++i) {
      const std::uint32_t unit = at + i * kThreads;
      if (unit >= end) continue;
      auto* const in_pool = reinterpret_cast<Type*>(pool_address<kBytes>(launch, slot, ids, unit));
      values[i] = __ldcs(kWork == Work::kScatter ? in_slot + unit : in_pool);
      to[i] = kWork == Work::kGather ? in_slot + unit : in_pool;
    }
#pragma unroll
    for (std::uint32_t i = 0; i < kInFlight; ++i) {
      const std::uint32_t unit = at + i * kThreads;
      if (unit >= end) continue;
      if (kWork != Work::kSum) __stcs(to[i], values[i]);
      if (kSum) sum += weigh(values[i], unit);
    }
  }
  return sum;
}

__device__ std::uint64_t sum_of_threads(std::uint64_t value) {
  __shared__ std::uint64_t warps[kThreads / 32];
  for (int step = 16; step > 0; step /= 2) value += __shfl_down_sync(~0U, value, step);
  if (threadIdx.x % 32 == 0) warps[threadIdx.x / 32] = value;
  __syncthreads();
  value = 0;
  if (threadIdx.x == 0) {
    for (std::uint32_t i = 0; i < kThreads / 32; ++i) value += warps[i];
  }
  return value;
}

// What the owner of the slot reads, then the word, then what the mover reads. By one thread, after
// all bytes of the slot were made visible to the system.
__device__ void report(const Launch& launch, const LaunchSlot& slot, std::uint64_t started,
                       std::uint32_t checksum) {
  const std::uint64_t ended = gpu_time();
  if (slot.header != 0) {
    // SlotHeader: checksum, t_ready, t_start, t_end from byte 24 on.
    auto* header = reinterpret_cast<volatile std::uint64_t*>(slot.header);
    header[3] = checksum;
    header[5] = started + launch.clock;
    header[6] = ended + launch.clock;
  }
  auto* result = reinterpret_cast<SlotResult*>(launch.results) + slot.result;
  auto* fields = reinterpret_cast<volatile SlotResult*>(result);
  fields->started = started;
  fields->ended = ended;
  fields->checksum = checksum;
  __threadfence_system();
  if (slot.word == 0) return store_release(&result->done, launch.sequence);
  store(slot.word, slot.filled_word);
  // The client tells its agent when it sees `done`, and the agent looks at the word then.
  store_release(&result->done, launch.sequence);
}

// Called by all threads when the CTA has copied one stripe. What it wrote is made visible to those
// who read it: of a gather the owner of the slot, anywhere; of a scatter the GPU itself, until the
// slot's last stripe is reported to the host.
template <Work kWork, bool kSum>
__device__ void end_stripe(const Launch& launch, const LaunchSlot& slot, std::uint32_t stripes,
                           std::uint64_t sum) {
  auto* tally = reinterpret_cast<Tally*>(launch.tallies) + slot.result;
  if (kSum) sum = sum_of_threads(sum);
  if (kWork == Work::kGather) {
    __threadfence_system();
  } else if (kWork == Work::kScatter) {
    __threadfence();
  }
  __syncthreads();
  if (threadIdx.x != 0) return;
  if (kSum) {
    atomicAdd(reinterpret_cast<unsigned long long*>(&tally->sum), sum);
    __threadfence();
  }
  if (atomicAdd(&tally->finished, 1U) != stripes - 1) return;
  __threadfence();
  auto* counted = reinterpret_cast<volatile Tally*>(tally);
  const std::uint64_t total = kSum ? counted->sum : 0;
  const std::uint64_t started = counted->started;
  counted->sum = 0;
  counted->finished = 0;
  report(launch, slot, started, static_cast<std::uint32_t>(total >> 32U));
}

template <int kBytes, Work kWork, bool kSum>
__device__ void move(const Launch& launch) {
  __shared__ std::uint32_t cache[kCachedIds];
  const std::uint32_t items = launch.n_slots * launch.stripes;
  for (std::uint32_t item = blockIdx.x; item < items; item += gridDim.x) {
    const std::uint32_t number = item / launch.stripes;
    const LaunchSlot& slot = launch.slots[number];
    const std::uint32_t begin = (item - number * launch.stripes) * launch.stripe_units;
    if (begin >= slot.units) continue;
    // The first stripe is the first to start, as good as always.
    if (begin == 0 && threadIdx.x == 0) {
      reinterpret_cast<Tally*>(launch.tallies)[slot.result].started = gpu_time();
    }
    const std::uint32_t end = min(begin + launch.stripe_units, slot.units);
    const Ids ids = load_ids(launch, slot, begin, end, cache);
    const std::uint64_t sum = copy_stripe<kBytes, kWork, kSum>(launch, slot, ids, begin, end);
    const std::uint32_t stripes = (slot.units + launch.stripe_units - 1) / launch.stripe_units;
    end_stripe<kWork, kSum>(launch, slot, stripes, sum);
  }
}

}  // namespace

#define PEGAFLOW_MOVE_KERNELS(bytes)                               \
  extern "C" __global__ void __launch_bounds__(kThreads)           \
      gather_##bytes(const __grid_constant__ Launch launch) {      \
    move<bytes, Work::kGather, false>(launch);                     \
  }                                                                \
  extern "C" __global__ void __launch_bounds__(kThreads)           \
      gather_sum_##bytes(const __grid_constant__ Launch launch) {  \
    move<bytes, Work::kGather, true>(launch);                      \
  }                                                                \
  extern "C" __global__ void __launch_bounds__(kThreads)           \
      scatter_##bytes(const __grid_constant__ Launch launch) {     \
    move<bytes, Work::kScatter, false>(launch);                    \
  }                                                                \
  extern "C" __global__ void __launch_bounds__(kThreads)           \
      scatter_sum_##bytes(const __grid_constant__ Launch launch) { \
    move<bytes, Work::kScatter, true>(launch);                     \
  }                                                                \
  extern "C" __global__ void __launch_bounds__(kThreads)           \
      sum_##bytes(const __grid_constant__ Launch launch) {         \
    move<bytes, Work::kSum, true>(launch);                         \
  }

PEGAFLOW_MOVE_KERNELS(16)
PEGAFLOW_MOVE_KERNELS(8)
PEGAFLOW_MOVE_KERNELS(4)
PEGAFLOW_MOVE_KERNELS(2)
PEGAFLOW_MOVE_KERNELS(1)

// Reports slots that copies before it in the stream have filled. One CTA, a thread per slot.
extern "C" __global__ void __launch_bounds__(kThreads)
    finish(const __grid_constant__ Launch launch) {
  if (threadIdx.x >= launch.n_slots) return;
  __threadfence_system();
  report(launch, launch.slots[threadIdx.x], gpu_time(), 0);
}

}  // namespace pegaflow::memory::cuda
