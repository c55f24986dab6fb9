// HostDevice: the Device of host memory; regions are memfds, copies memcpy.
#pragma once

#include "memory/device.h"

namespace pegaflow::memory {

class HostDevice final : public Device {
 public:
  MemoryKind memory() const override { return MemoryKind::kHost; }
  const std::string& gpu_uuid() const override;
  Status attach_thread() override { return {}; }
  Result<std::unique_ptr<Mover>> make_mover(const MoverConfig& config, const Clock& clock) override;
  Result<std::unique_ptr<Streams>> make_streams(std::size_t max_marks) override;
  Result<std::unique_ptr<SlotCopier>> make_slot_copier(std::size_t limit) override;
  Result<std::unique_ptr<Segment>> create_segment(MemoryKind memory, const std::string& name,
                                                  std::uint64_t bytes) override;
  Result<std::unique_ptr<Segment>> map_segment(MemoryKind memory, std::string_view what,
                                               UniqueFd fd, std::uint64_t bytes) override;
  Result<std::unique_ptr<Pin>> pin(std::span<std::byte> memory) override;
};

}  // namespace pegaflow::memory
