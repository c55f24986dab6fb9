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

// Some units of a slot, and where their block ids lie.
struct Stripe {
  std::uint32_t number = 0;  // of the slot
  std::uint32_t begin = 0, end = 0;
  const std::uint32_t* ids = nullptr;  // of all blocks of the slot
  bool in_launch = false;              // where the ids are
  std::uint32_t first = 0, count = 0;  // those of this stripe
};

// The stripe that work item `item` is, or the next one of this CTA that is not empty (slots may be
// shorter than the longest); its end is 0 if there is none.
__device__ Stripe stripe_at(const Launch& launch, std::uint32_t& item) {
  Stripe stripe;
  for (; item < launch.n_slots * launch.stripes; item += gridDim.x) {
    stripe.number = item / launch.stripes;
    const LaunchSlot& slot = launch.slots[stripe.number];
    stripe.begin = (item - stripe.number * launch.stripes) * launch.stripe_units;
    if (stripe.begin >= slot.units) continue;
    stripe.end = min(stripe.begin + launch.stripe_units, slot.units);
    const std::uint64_t here = reinterpret_cast<std::uint64_t>(&launch);
    stripe.in_launch = slot.ids < sizeof(Launch);
    stripe.ids =
        reinterpret_cast<const std::uint32_t*>(stripe.in_launch ? here + slot.ids : slot.ids);
    const UnitPlace from = place_of(slot, stripe.begin);
    const UnitPlace last = place_of(slot, stripe.end - 1);
    const bool one_layer = from.layer == last.layer;
    stripe.first = one_layer ? from.block : 0;
    stripe.count = one_layer ? last.block + 1 - from.block : slot.n_ids;
    return stripe;
  }
  return stripe;
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

// Begins to copy the stripe's ids into `cache`, by all threads. From host memory that takes
// microseconds; so the next stripe's come while one is copied.
__device__ void fetch_ids(const Stripe& stripe, std::uint32_t* cache) {
  const std::uint32_t count = stripe.count <= kCachedIds ? stripe.count : 0;
  for (std::uint32_t i = threadIdx.x; i < count; i += kThreads) {
    const std::uint32_t* from = stripe.ids + stripe.first + i;
    if (stripe.in_launch) {
      cache[i] = *from;
      continue;
    }
    asm volatile("cp.async.ca.shared.global [%0], [%1], 4;" ::"r"(
                     static_cast<std::uint32_t>(__cvta_generic_to_shared(cache + i))),
                 "l"(__cvta_generic_to_global(from))
                 : "memory");
  }
  asm volatile("cp.async.commit_group;" ::: "memory");
}
// Waits for the ids of the stripe before the one fetched last, of all threads.
__device__ Ids fetched_ids(const Stripe& stripe, const std::uint32_t* cache) {
  asm volatile("cp.async.wait_group 1;" ::: "memory");
  __syncthreads();
  return {stripe.count <= kCachedIds ? cache : nullptr, stripe.ids, stripe.first};
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
  __shared__ std::uint32_t caches[2][kCachedIds];
  std::uint32_t item = blockIdx.x;
  Stripe stripe = stripe_at(launch, item);
  if (stripe.end == 0) return;
  fetch_ids(stripe, caches[0]);
  for (std::uint32_t turn = 0; stripe.end != 0; ++turn) {
    item += gridDim.x;
    const Stripe next = stripe_at(launch, item);
    fetch_ids(next, caches[(turn + 1) % 2]);
    const LaunchSlot& slot = launch.slots[stripe.number];
    // The first stripe is the first to start, as good as always.
    if (stripe.begin == 0 && threadIdx.x == 0) {
      reinterpret_cast<Tally*>(launch.tallies)[slot.result].started = gpu_time();
    }
    const Ids ids = fetched_ids(stripe, caches[turn % 2]);
    const std::uint64_t sum =
        copy_stripe<kBytes, kWork, kSum>(launch, slot, ids, stripe.begin, stripe.end);
    const std::uint32_t stripes = (slot.units + launch.stripe_units - 1) / launch.stripe_units;
    end_stripe<kWork, kSum>(launch, slot, stripes, sum);
    stripe = next;
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
