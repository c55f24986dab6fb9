#include "memory/region.h"

#include <utility>

#include "base/check.h"
#include "memory/host_device.h"
#include "memory/memory_budget.h"

namespace pegaflow::memory {
namespace {

// Of a region, beside its segments: the control memfd and the bell.
constexpr std::size_t kOtherFiles = 2;

using Segments = std::vector<std::unique_ptr<Segment>>;

// Shared by all regions of the host; holds no state.
Device& host() {
  static HostDevice device;
  return device;
}

Result<Segments> create_segments(const RegionSpec& spec, const RegionShape& shape, Device& device) {
  std::uint64_t total = 0;
  for (std::uint32_t i = 0; i < shape.segments; ++i) total += shape.bytes_of(i);
  if (spec.memory == MemoryKind::kHost) {
    PEGAFLOW_TRY(check_memory("region \"" + spec.name + "\"", total, available_memory()));
  }
  Segments segments;
  for (std::uint32_t i = 0; i < shape.segments; ++i) {
    PEGAFLOW_ASSIGN(
        auto segment,
        device.create_segment(spec.memory, "pegaflow-" + spec.name + "-" + std::to_string(i),
                              shape.bytes_of(i)));
    segments.push_back(std::move(segment));
  }
  return segments;
}

}  // namespace

RegionMemory::RegionMemory(RegionShape shape, std::vector<std::unique_ptr<Segment>> segments,
                           SlotControl control, EventFd bell, std::unique_ptr<Pin> control_pin)
    : shape_(shape),
      segments_(std::move(segments)),
      control_(std::move(control)),
      bell_(std::move(bell)),
      control_pin_(std::move(control_pin)) {}

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
  fds.reserve(segments_.size() + kOtherFiles);
  for (const auto& segment : segments_) fds.push_back(segment->fd());
  return fds;
}

Status RegionMemory::check_dmabuf() const {
  for (const auto& segment : segments_) {
    const Result<UniqueFd> exported = segment->export_dmabuf();
    if (!exported.ok()) return exported.error();
  }
  return {};
}

std::vector<int> RegionMemory::fds() const {
  std::vector<int> fds = segment_fds();
  fds.push_back(control_.fd());
  fds.push_back(bell_.fd());
  return fds;
}

Region::Region(std::string name, std::string gpu_uuid, RegionMemory memory)
    : RegionMemory(std::move(memory)), name_(std::move(name)), gpu_uuid_(std::move(gpu_uuid)) {}

Result<Region> Region::create(const RegionSpec& spec, Device& device,
                              std::uint64_t max_segment_bytes) {
  PEGAFLOW_ASSIGN(const RegionShape shape, shape_of(spec, max_segment_bytes));
  PEGAFLOW_ASSIGN(Segments segments, create_segments(spec, shape, device));
  PEGAFLOW_ASSIGN(SlotControl control, SlotControl::create(shape.slot_count));
  PEGAFLOW_ASSIGN(auto pin, device.pin(control.bytes()));
  PEGAFLOW_ASSIGN(EventFd bell, EventFd::create());
  return Region(spec.name, spec.memory == MemoryKind::kCuda ? device.gpu_uuid() : std::string(),
                RegionMemory(shape, std::move(segments), std::move(control), std::move(bell),
                             std::move(pin)));
}

Result<Region> Region::create(const RegionSpec& spec, std::uint64_t max_segment_bytes) {
  return create(spec, host(), max_segment_bytes);
}

Result<MappedRegion> MappedRegion::map(const RegionShape& shape, std::vector<UniqueFd> fds,
                                       Device& device) {
  PEGAFLOW_TRY(check_shape(shape));
  if (fds.size() != shape.segments + kOtherFiles) {
    return Error(Code::kProtocol, "region: " + std::to_string(fds.size()) +
                                      " files came, expected " + std::to_string(shape.segments) +
                                      " segments, a control file and a bell");
  }
  Segments segments;
  for (std::uint32_t i = 0; i < shape.segments; ++i) {
    PEGAFLOW_ASSIGN(auto segment,
                    device.map_segment(shape.memory, "region segment " + std::to_string(i),
                                       std::move(fds[i]), shape.bytes_of(i)));
    segments.push_back(std::move(segment));
  }
  PEGAFLOW_ASSIGN(SlotControl control,
                  SlotControl::map(std::move(fds[shape.segments]), shape.slot_count));
  PEGAFLOW_ASSIGN(auto pin, device.pin(control.bytes()));
  return MappedRegion(RegionMemory(shape, std::move(segments), std::move(control),
                                   EventFd(std::move(fds.back())), std::move(pin)));
}

Result<MappedRegion> MappedRegion::map(const RegionShape& shape, std::vector<UniqueFd> fds) {
  return map(shape, std::move(fds), host());
}

}  // namespace pegaflow::memory
