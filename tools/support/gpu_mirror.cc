#include "support/gpu_mirror.h"

#include <algorithm>
#include <array>
#include <utility>

#include "base/check.h"
#include "base/clock.h"

namespace pegaflow::tools {
namespace {

// How long copies to or from a GPU may take.
constexpr std::chrono::seconds kCopyDeadline{60};
constexpr std::size_t kCopiesAtOnce = 64;

}  // namespace

Result<std::string> gpu_uuid_of(const std::string& gpu) {
  PEGAFLOW_ASSIGN(const auto device, memory::open_gpu(gpu));
  return device->gpu_uuid();
}

Result<std::unique_ptr<GpuMirror>> GpuMirror::create(const std::string& gpu) {
  PEGAFLOW_ASSIGN(auto device, memory::open_gpu(gpu));
  std::unique_ptr<GpuMirror> mirror(new GpuMirror(std::move(device)));
  PEGAFLOW_TRY(mirror->device_->attach_thread());
  PEGAFLOW_ASSIGN(mirror->copier_, mirror->device_->make_slot_copier(kCopiesAtOnce));
  return mirror;
}

Result<std::uint64_t> GpuMirror::add(std::span<std::byte> twin) {
  PEGAFLOW_ASSIGN(auto segment, device_->create_segment(MemoryKind::kCuda, "pool", twin.size()));
  const auto address = reinterpret_cast<std::uint64_t>(segment->bytes().data());
  const std::lock_guard lock(mutex_);
  twins_.push_back({twin, std::move(segment)});
  return address;
}

Status GpuMirror::to_gpu(std::span<const std::span<std::byte>> parts) {
  return copy(parts, Way::kToGpu);
}

Status GpuMirror::to_host(std::span<const std::span<std::byte>> parts) {
  return copy(parts, Way::kToHost);
}

// REQUIRES: mutex_ is held.
std::span<std::byte> GpuMirror::on_gpu(std::span<std::byte> part) const {
  const auto twin = std::ranges::find_if(twins_, [&](const Twin& candidate) {
    return part.data() >= candidate.host.data() &&
           part.data() + part.size() <= candidate.host.data() + candidate.host.size();
  });
  PEGAFLOW_CHECK(twin != twins_.end());
  const auto offset = static_cast<std::size_t>(part.data() - twin->host.data());
  return twin->segment->bytes().subspan(offset, part.size());
}

Status GpuMirror::copy(std::span<const std::span<std::byte>> parts, Way way) {
  const std::lock_guard lock(mutex_);
  PEGAFLOW_TRY(device_->attach_thread());
  std::size_t started = 0;
  std::size_t ended = 0;
  bool ok = true;
  std::array<memory::SlotCopied, kCopiesAtOnce> copied;
  const TimePoint deadline = SteadyClock().now() + kCopyDeadline;
  while (ended < parts.size()) {
    while (started < parts.size() && started - ended < copier_->limit()) {
      const auto host = parts[started];
      const auto gpu = on_gpu(host);
      const memory::SlotCopy copy = way == Way::kToGpu ? memory::SlotCopy{started, gpu, host}
                                                       : memory::SlotCopy{started, host, gpu};
      copier_->start({&copy, 1});
      ++started;
    }
    const std::size_t n = copier_->poll(copied);
    for (std::size_t i = 0; i < n; ++i) ok = ok && copied[i].ok;
    ended += n;
    if (n == 0 && SteadyClock().now() >= deadline) {
      return Error(Code::kDeadlineExceeded, "copies to or from " + gpu() + " did not end");
    }
  }
  if (ok) return {};
  return Error(Code::kSystem, "a copy to or from " + gpu() + " failed");
}

}  // namespace pegaflow::tools
