#include "pegaflow-bench/pool_memory.h"

#include <sys/mman.h>

#include <cerrno>
#include <cstring>
#include <string>

namespace pegaflow::bench {
namespace {

class HostPool final : public PoolMemory {
 public:
  explicit HostPool(std::span<std::byte> mapping) : mapping_(mapping) {}
  ~HostPool() override { ::munmap(mapping_.data(), mapping_.size()); }
  HostPool(const HostPool&) = delete;
  HostPool& operator=(const HostPool&) = delete;

  std::uint64_t address() const override {
    return reinterpret_cast<std::uint64_t>(mapping_.data());
  }
  std::uint64_t bytes() const override { return mapping_.size(); }
  void write(std::uint64_t at, std::span<const std::byte> data) override {
    std::memcpy(mapping_.data() + at, data.data(), data.size());
  }
  void read(std::uint64_t at, std::span<std::byte> out) const override {
    std::memcpy(out.data(), mapping_.data() + at, out.size());
  }

 private:
  std::span<std::byte> mapping_;
};

Result<std::unique_ptr<PoolMemory>> map_host_pool(std::uint64_t bytes) {
  void* const at = ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE,
                          MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
  if (at == MAP_FAILED) {
    return Error(Code::kResourceExhausted,
                 "cannot map a pool of " + std::to_string(bytes) + " bytes: " + strerror(errno));
  }
  return std::unique_ptr<PoolMemory>(new HostPool({static_cast<std::byte*>(at), bytes}));
}

}  // namespace

Result<std::unique_ptr<PoolMemory>> allocate_pool(MemoryKind kind, std::uint64_t bytes) {
  switch (kind) {
    case MemoryKind::kHost:
      return map_host_pool(bytes);
    case MemoryKind::kCuda:
      return Error(Code::kUnsupported, "--memory cuda: this build has no CUDA pools");
  }
  return Error(Code::kUnsupported, "unknown kind of memory");
}

}  // namespace pegaflow::bench
