// Device: the place where a process's pools lie and its copies run: the host, or one GPU. Makes
// everything that differs between the two.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/unique_fd.h"
#include "memory/mover.h"
#include "memory/segment.h"
#include "memory/slot_copier.h"
#include "memory/streams.h"
#include "pegaflow/kv_layout.h"
#include "pegaflow/result.h"

namespace pegaflow::memory {

// Host memory that the device's kernels can use by its host address, as long as this lives.
class Pin {
 public:
  virtual ~Pin() = default;
};

struct MoverConfig {
  // Jobs per direction that may be unreported at once (GPU; the host copies one at a time).
  std::size_t max_jobs = 32;
  // How wide a launch may be, in CTAs of 512 threads.
  std::uint32_t gather_ctas = 128;
  std::uint32_t scatter_ctas = 128;
  // Gathers beside compute (MoveJob::beside_compute) go by copy engine, which takes no SMs, when
  // their contiguous runs are at least this long on average; 0: none do.
  std::uint64_t copy_engine_run_bytes = 16U << 10;
  // Gathers beside compute over links between GPUs leave in bursts of so many bytes: each costs
  // prefill about 0.1 ms, whatever its bytes. 0: each as soon as it can.
  std::uint64_t burst_bytes = 256U << 20;
};

// Thread safe. Outlives all that it made.
class Device {
 public:
  virtual ~Device() = default;
  virtual MemoryKind memory() const = 0;
  // "GPU-" and the UUID as the driver's tools print it; empty: the host.
  virtual const std::string& gpu_uuid() const = 0;
  // GPUs, by UUID, whose memory this device's copies can write: those that this process sees and
  // this GPU reaches, itself included. None: others must do it.
  virtual std::vector<std::string> reaches() const { return {}; }
  // What this process holds of the GPU's memory, its context included; none: a host, or the driver
  // does not tell. Takes milliseconds.
  virtual std::optional<std::uint64_t> process_bytes() const { return std::nullopt; }

  // Prepares the calling thread for copies: the GPU's primary context becomes current and the
  // thread's calls no longer disturb captures elsewhere. Once per thread that uses a Mover or a
  // SlotCopier; threads that only use Streams or map memory need it not.
  virtual Status attach_thread() = 0;

  // These allocate all that will ever be needed. `clock` outlives the mover.
  virtual Result<std::unique_ptr<Mover>> make_mover(const MoverConfig& config,
                                                    const Clock& clock) = 0;
  virtual Result<std::unique_ptr<Streams>> make_streams(std::size_t max_marks) = 0;
  virtual Result<std::unique_ptr<SlotCopier>> make_slot_copier(std::size_t limit) = 0;

  // Memory of a region, used by Region and MappedRegion. A segment of GPU memory is made on this
  // GPU; a mapped one may lie on any GPU that this process sees and this GPU reaches
  // (kUnsupported otherwise: let the agent copy). Host segments are pinned if this is a GPU.
  virtual Result<std::unique_ptr<Segment>> create_segment(MemoryKind memory,
                                                          const std::string& name,
                                                          std::uint64_t bytes) = 0;
  virtual Result<std::unique_ptr<Segment>> map_segment(MemoryKind memory, std::string_view what,
                                                       UniqueFd fd, std::uint64_t bytes) = 0;
  // Memory of this GPU that is shared with nobody: of the kind that UCX's cuda_ipc takes, which is
  // not that of regions. Its fd() is -1. kUnsupported: a host.
  virtual Result<std::unique_ptr<Segment>> create_private(std::uint64_t bytes);
  // `memory` is page-aligned host memory that outlives the pin.
  virtual Result<std::unique_ptr<Pin>> pin(std::span<std::byte> memory) = 0;
};

// The host. Holds no state: one is as good as another.
std::unique_ptr<Device> make_host_device();

// One GPU, by UUID ("GPU-…", a unique beginning suffices) or by ordinal among those this process
// sees ("0"). Retains its primary context, creates none of its own. kUnsupported: this build has no
// CUDA, or the machine no driver (the message says which); kNotFound: no such GPU here.
Result<std::unique_ptr<Device>> open_gpu(std::string_view gpu);
// Why open_gpu() would refuse whatever GPU is asked for; for start-up logs.
Status gpu_support();

}  // namespace pegaflow::memory
