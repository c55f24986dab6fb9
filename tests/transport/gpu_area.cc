#include "gpu_area.h"

#include <chrono>
#include <cstdio>
#include <map>
#include <thread>
#include <utility>

#include "base/check.h"

namespace pegaflow::transport::testing {
namespace {

constexpr std::chrono::seconds kCopyPatience{30};

template <typename T>
T need(Result<T> result) {
  if (!result.ok()) std::fprintf(stderr, "%s\n", result.error().message().c_str());
  return std::move(result).value();
}

class GpuArea final : public Area {
 public:
  GpuArea(memory::Device& device, std::size_t bytes)
      : segment_(need(device.create_private(bytes))), copier_(need(device.make_slot_copier(1))) {}
  std::span<std::byte> bytes() const override { return segment_->bytes(); }
  MemoryKind memory() const override { return MemoryKind::kCuda; }
  void write(std::size_t offset, std::span<const std::byte> from) override {
    copy(segment_->bytes().subspan(offset, from.size()), from);
  }
  void read(std::size_t offset, std::span<std::byte> to) const override {
    copy(to, segment_->bytes().subspan(offset, to.size()));
  }

 private:
  void copy(std::span<std::byte> to, std::span<const std::byte> from) const {
    const auto deadline = std::chrono::steady_clock::now() + kCopyPatience;
    const memory::SlotCopy copy{.cookie = 0, .to = to, .from = from};
    copier_->start({&copy, 1});
    memory::SlotCopied copied;
    while (copier_->poll({&copied, 1}) == 0) {
      PEGAFLOW_CHECK(std::chrono::steady_clock::now() < deadline);
      std::this_thread::yield();
    }
    PEGAFLOW_CHECK(copied.ok);
  }

  std::unique_ptr<memory::Segment> segment_;
  std::unique_ptr<memory::SlotCopier> copier_;
};

}  // namespace

memory::Device& gpu(const std::string& name) {
  static std::map<std::string, std::unique_ptr<memory::Device>> opened;
  auto& device = opened[name];
  if (!device) device = need(memory::open_gpu(name));
  return *device;
}

std::unique_ptr<Area> make_gpu_area(memory::Device& device, std::size_t bytes) {
  return std::make_unique<GpuArea>(device, bytes);
}

}  // namespace pegaflow::transport::testing
