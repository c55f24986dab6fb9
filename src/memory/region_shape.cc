#include <algorithm>

#include "base/packet.h"
#include "memory/region.h"

namespace pegaflow::memory {
namespace {

// All segments, the control memfd and the bell must fit into one message.
constexpr std::uint32_t kMaxSegments = kMaxPacketFds - 2;

std::uint64_t segments_for(std::uint64_t slot_count, std::uint64_t slots_per_segment) {
  return (slot_count + slots_per_segment - 1) / slots_per_segment;
}

bool possible_slot_bytes(std::uint64_t slot_bytes, std::uint64_t max) {
  return slot_bytes > 0 && slot_bytes % kSlotAlignment == 0 && slot_bytes <= max;
}

}  // namespace

std::uint32_t RegionShape::slots_per_segment() const {
  return static_cast<std::uint32_t>(segment_bytes / slot_bytes);
}

std::uint64_t RegionShape::bytes_of(std::uint32_t segment) const {
  const std::uint64_t first = std::uint64_t{segment} * slots_per_segment();
  return std::min<std::uint64_t>(slots_per_segment(), slot_count - first) * slot_bytes;
}

Result<RegionShape> shape_of(const RegionSpec& spec, std::uint64_t max_segment_bytes) {
  const auto refuse = [&](const std::string& why) {
    return Error(Code::kInvalidArgument, "region \"" + spec.name + "\": " + why);
  };
  if (!possible_slot_bytes(spec.slot_bytes, max_segment_bytes)) {
    return refuse("slot_bytes is " + std::to_string(spec.slot_bytes) + ", expected a multiple of " +
                  std::to_string(kSlotAlignment) + " up to " + std::to_string(max_segment_bytes));
  }
  if (spec.slot_count == 0) return refuse("slot_count is 0, expected at least 1");
  const std::uint64_t per_segment =
      std::min<std::uint64_t>(max_segment_bytes / spec.slot_bytes, spec.slot_count);
  const std::uint64_t segments = segments_for(spec.slot_count, per_segment);
  if (segments > kMaxSegments) {
    return refuse(std::to_string(spec.slot_count) + " slots of " + std::to_string(spec.slot_bytes) +
                  " bytes need " + std::to_string(segments) + " segments of at most " +
                  std::to_string(max_segment_bytes) + " bytes, expected at most " +
                  std::to_string(kMaxSegments) + " segments; use several regions");
  }
  return RegionShape{spec.memory, spec.slot_bytes, spec.slot_count,
                     static_cast<std::uint32_t>(segments), per_segment * spec.slot_bytes};
}

Status check_shape(const RegionShape& shape) {
  const auto refuse = [](const std::string& why) {
    return Error(Code::kProtocol, "region geometry: " + why);
  };
  if (!possible_slot_bytes(shape.slot_bytes, kMaxSegmentBytes)) {
    return refuse("slot_bytes is " + std::to_string(shape.slot_bytes) +
                  ", expected a multiple of " + std::to_string(kSlotAlignment) + " up to " +
                  std::to_string(kMaxSegmentBytes));
  }
  if (shape.segment_bytes == 0 || shape.segment_bytes % shape.slot_bytes != 0 ||
      shape.segment_bytes > kMaxSegmentBytes) {
    return refuse("segment_bytes is " + std::to_string(shape.segment_bytes) +
                  ", expected a multiple of the slot_bytes (" + std::to_string(shape.slot_bytes) +
                  ") up to " + std::to_string(kMaxSegmentBytes));
  }
  if (shape.slot_count == 0) return refuse("slot_count is 0, expected at least 1");
  const std::uint64_t expected = segments_for(shape.slot_count, shape.slots_per_segment());
  if (shape.segments != expected || expected > kMaxSegments) {
    return refuse("segments is " + std::to_string(shape.segments) + ", expected " +
                  std::to_string(expected) + " (at most " + std::to_string(kMaxSegments) + ")");
  }
  return {};
}

}  // namespace pegaflow::memory
