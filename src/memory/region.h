// Regions: staging memory cut into slots. A region is a list of segments (one file descriptor
// each) and a control memfd. Region is the owner's side; MappedRegion is everybody else's.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "base/event_fd.h"
#include "base/strong_id.h"
#include "base/unique_fd.h"
#include "memory/device.h"
#include "memory/slot_memory.h"
#include "pegaflow/kv_layout.h"
#include "pegaflow/result.h"

namespace pegaflow::memory {

inline constexpr std::uint64_t kMaxSegmentBytes = std::uint64_t{4} << 30U;
// Slots start on pages.
inline constexpr std::uint64_t kSlotAlignment = 4096;

struct RegionSpec {
  std::string name;
  MemoryKind memory = MemoryKind::kHost;
  std::uint64_t slot_bytes = 0;  // a multiple of kSlotAlignment, ≤ the segment limit
  std::uint32_t slot_count = 0;  // ≥ 1
};

// How slots lie in segments; what an owner tells the others. A slot never straddles segments.
struct RegionShape {
  MemoryKind memory = MemoryKind::kHost;
  std::uint64_t slot_bytes = 0;
  std::uint32_t slot_count = 0;
  std::uint32_t segments = 0;
  std::uint64_t segment_bytes = 0;  // of each but the last, which may be shorter

  std::uint32_t slots_per_segment() const;
  std::uint64_t bytes_of(std::uint32_t segment) const;
  bool operator==(const RegionShape&) const = default;
};
// kInvalidArgument names the value that is wrong.
Result<RegionShape> shape_of(const RegionSpec& spec, std::uint64_t max_segment_bytes);
// kProtocol: numbers that do not fit together.
Status check_shape(const RegionShape& shape);

// What Region and MappedRegion have in common. Movable; addresses stay.
class RegionMemory {
 public:
  // `control_pin` keeps words and headers within reach of kernels.
  RegionMemory(RegionShape shape, std::vector<std::unique_ptr<Segment>> segments,
               SlotControl control, EventFd bell, std::unique_ptr<Pin> control_pin);
  const RegionShape& shape() const { return shape_; }
  std::uint32_t slot_count() const { return shape_.slot_count; }
  // CHECKs the index: validate what comes from outside first.
  std::span<std::byte> slot(SlotIndex slot) const;
  std::vector<std::span<std::byte>> segments() const;
  // Segments in order, the control memfd, the bell: what travels with MAP and LINK messages. Owned
  // here.
  std::vector<int> fds() const;
  std::vector<int> segment_fds() const;
  // Exports each segment as a dma-buf, as a NIC would register it, and lets go of it again.
  // kUnsupported: host memory; others: what the driver said.
  Status check_dmabuf() const;
  SlotControl& control() { return control_; }
  const SlotControl& control() const { return control_; }
  // Rung by a writer that begins to fill slots: its owner, who polls the words, need not sleep over
  // the moment when they say FILLED. A hint: nothing depends on it.
  const EventFd& bell() const { return bell_; }

 private:
  RegionShape shape_;
  std::vector<std::unique_ptr<Segment>> segments_;
  SlotControl control_;
  EventFd bell_;
  std::unique_ptr<Pin> control_pin_;  // goes before what it pins
};

// The owner's side.
class Region : public RegionMemory {
 public:
  // Allocates, prefaults and seals; GPU memory lies on `device`, and host memory is pinned for it
  // if it is a GPU. `device` outlives the region. kResourceExhausted: not enough memory (says how
  // much is missing); kUnsupported: the device cannot make that kind of memory.
  static Result<Region> create(const RegionSpec& spec, Device& device,
                               std::uint64_t max_segment_bytes = kMaxSegmentBytes);
  // The same on the host.
  static Result<Region> create(const RegionSpec& spec,
                               std::uint64_t max_segment_bytes = kMaxSegmentBytes);
  const std::string& name() const { return name_; }
  // Whose memory it is; empty: the host's.
  const std::string& gpu_uuid() const { return gpu_uuid_; }

 private:
  Region(std::string name, std::string gpu_uuid, RegionMemory memory);
  std::string name_, gpu_uuid_;
};

// A region of another process.
class MappedRegion : public RegionMemory {
 public:
  // `fds`: shape.segments segments, the control memfd, the bell. kProtocol: their number, sizes or
  // seals do not agree with the shape; kUnsupported: memory that `device` cannot reach (let the
  // agent copy then). Slots, words and headers are in reach of the device's kernels. `device`
  // outlives the region.
  static Result<MappedRegion> map(const RegionShape& shape, std::vector<UniqueFd> fds,
                                  Device& device);
  // The same on the host.
  static Result<MappedRegion> map(const RegionShape& shape, std::vector<UniqueFd> fds);

 private:
  explicit MappedRegion(RegionMemory memory) : RegionMemory(std::move(memory)) {}
};

}  // namespace pegaflow::memory
