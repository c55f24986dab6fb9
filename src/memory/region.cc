#include "memory/region.h"

#include <utility>

#include "base/check.h"
#include "memory/memory_budget.h"
#include "memory/shared_memory.h"

namespace pegaflow::memory {
namespace {

using Segments = std::vector<std::unique_ptr<Segment>>;

class HostSegment final : public Segment {
 public:
  explicit HostSegment(SharedMemory memory) : memory_(std::move(memory)) {}
  std::span<std::byte> bytes() const override { return memory_.bytes(); }
  int fd() const override { return memory_.fd(); }

 private:
  SharedMemory memory_;
};

Status check_memory_kind(MemoryKind memory) {
  switch (memory) {
    case MemoryKind::kHost:
      return {};
    case MemoryKind::kCuda:
      return Error(Code::kUnsupported, "this build has no CUDA; use a host memory region");
  }
  return Error(Code::kUnsupported,
               "unknown kind of memory " + std::to_string(static_cast<unsigned>(memory)));
}

Result<Segments> create_segments(const RegionSpec& spec, const RegionShape& shape) {
  std::uint64_t total = 0;
  for (std::uint32_t i = 0; i < shape.segments; ++i) total += shape.bytes_of(i);
  PEGAFLOW_TRY(check_memory("region \"" + spec.name + "\"", total, available_memory()));
  Segments segments;
  for (std::uint32_t i = 0; i < shape.segments; ++i) {
    PEGAFLOW_ASSIGN(
        SharedMemory memory,
        SharedMemory::create("pegaflow-" + spec.name + "-" + std::to_string(i), shape.bytes_of(i)));
    segments.push_back(std::make_unique<HostSegment>(std::move(memory)));
  }
  return segments;
}

}  // namespace

RegionMemory::RegionMemory(RegionShape shape, std::vector<std::unique_ptr<Segment>> segments,
                           SlotControl control)
    : shape_(shape), segments_(std::move(segments)), control_(std::move(control)) {}

std::span<std::byte> RegionMemory::slot(SlotIndex slot) const {
  PEGAFLOW_CHECK(slot.value < shape_.slot_count);
  const std::uint32_t per_segment = shape_.slots_per_segment();
  const auto bytes = segments_[slot.value / per_segment]->bytes();
  return bytes.subspan(slot.value % per_segment * shape_.slot_bytes, shape_.slot_bytes);
}

std::vector<std::span<std::byte>> RegionMemory::segments() const {
  std::vector<std::span<std::byte>> spans;
  spans.reserve(segments_.size());
  for (const auto& segment : segments_) spans.push_back(segment->bytes());
  return spans;
}

std::vector<int> RegionMemory::segment_fds() const {
  std::vector<int> fds;
  fds.reserve(segments_.size() + 1);
  for (const auto& segment : segments_) fds.push_back(segment->fd());
  return fds;
}

std::vector<int> RegionMemory::fds() const {
  std::vector<int> fds = segment_fds();
  fds.push_back(control_.fd());
  return fds;
}

Region::Region(std::string name, RegionShape shape, std::vector<std::unique_ptr<Segment>> segments,
               SlotControl control)
    : RegionMemory(shape, std::move(segments), std::move(control)), name_(std::move(name)) {}

Result<Region> Region::create(const RegionSpec& spec, std::uint64_t max_segment_bytes) {
  PEGAFLOW_TRY(check_memory_kind(spec.memory));
  PEGAFLOW_ASSIGN(const RegionShape shape, shape_of(spec, max_segment_bytes));
  PEGAFLOW_ASSIGN(Segments segments, create_segments(spec, shape));
  PEGAFLOW_ASSIGN(SlotControl control, SlotControl::create(shape.slot_count));
  return Region(spec.name, shape, std::move(segments), std::move(control));
}

Result<MappedRegion> MappedRegion::map(const RegionShape& shape, std::vector<UniqueFd> fds) {
  PEGAFLOW_TRY(check_memory_kind(shape.memory));
  PEGAFLOW_TRY(check_shape(shape));
  if (fds.size() != shape.segments + std::size_t{1}) {
    return Error(Code::kProtocol, "region: " + std::to_string(fds.size()) +
                                      " files came, expected " + std::to_string(shape.segments) +
                                      " segments and a control file");
  }
  Segments segments;
  for (std::uint32_t i = 0; i < shape.segments; ++i) {
    PEGAFLOW_ASSIGN(SharedMemory memory, SharedMemory::map("region segment " + std::to_string(i),
                                                           std::move(fds[i]), shape.bytes_of(i)));
    segments.push_back(std::make_unique<HostSegment>(std::move(memory)));
  }
  PEGAFLOW_ASSIGN(SlotControl control, SlotControl::map(std::move(fds.back()), shape.slot_count));
  return MappedRegion(shape, std::move(segments), std::move(control));
}

}  // namespace pegaflow::memory
