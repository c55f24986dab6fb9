#include "area.h"

#include <algorithm>
#include <vector>

namespace pegaflow::transport::testing {
namespace {

class HostArea final : public Area {
 public:
  explicit HostArea(std::size_t bytes) : bytes_(bytes), all_(bytes_) {}
  std::span<std::byte> bytes() const override { return all_; }
  MemoryKind memory() const override { return MemoryKind::kHost; }
  void write(std::size_t offset, std::span<const std::byte> from) override {
    std::ranges::copy(from, all_.subspan(offset).begin());
  }
  void read(std::size_t offset, std::span<std::byte> to) const override {
    std::ranges::copy(all_.subspan(offset, to.size()), to.begin());
  }

 private:
  std::vector<std::byte> bytes_;
  std::span<std::byte> all_;
};

}  // namespace

std::unique_ptr<Area> make_host_area(std::size_t bytes) {
  return std::make_unique<HostArea>(bytes);
}

}  // namespace pegaflow::transport::testing
