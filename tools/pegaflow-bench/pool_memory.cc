#include "pegaflow-bench/pool_memory.h"

#include <sys/mman.h>

#include <cerrno>
#include <cstring>
#include <string>
#include <utility>

#include "support/gpu_mirror.h"

namespace pegaflow::bench {
namespace {

// Private memory of this process, touched.
class Mapping {
 public:
  static Result<Mapping> create(std::uint64_t bytes) {
    void* const at = ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE,
                            MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
    if (at == MAP_FAILED) {
      return Error(Code::kResourceExhausted,
                   "cannot map a pool of " + std::to_string(bytes) + " bytes: " + strerror(errno));
    }
    return Mapping({static_cast<std::byte*>(at), bytes});
  }
  Mapping(Mapping&& other) noexcept : memory_(std::exchange(other.memory_, {})) {}
  Mapping& operator=(Mapping&&) = delete;
  ~Mapping() {
    if (!memory_.empty()) ::munmap(memory_.data(), memory_.size());
  }
  std::span<std::byte> bytes() const { return memory_; }

 private:
  explicit Mapping(std::span<std::byte> memory) : memory_(memory) {}
  std::span<std::byte> memory_;
};

class HostPool final : public PoolMemory {
 public:
  explicit HostPool(Mapping mapping) : mapping_(std::move(mapping)) {}
  std::uint64_t address() const override {
    return reinterpret_cast<std::uint64_t>(mapping_.bytes().data());
  }
  std::uint64_t bytes() const override { return mapping_.bytes().size(); }
  std::string gpu() const override { return {}; }
  std::span<std::byte> view() override { return mapping_.bytes(); }
  Status flush() override { return {}; }
  Status fetch() override { return {}; }

 private:
  Mapping mapping_;
};

class GpuPool final : public PoolMemory {
 public:
  static Result<std::unique_ptr<PoolMemory>> create(std::uint64_t bytes, const std::string& gpu) {
    PEGAFLOW_ASSIGN(auto mirror, tools::GpuMirror::create(gpu));
    PEGAFLOW_ASSIGN(auto view, Mapping::create(bytes));
    PEGAFLOW_ASSIGN(const auto address, mirror->add(view.bytes()));
    return std::unique_ptr<PoolMemory>(new GpuPool(std::move(view), std::move(mirror), address));
  }
  std::uint64_t address() const override { return address_; }
  std::uint64_t bytes() const override { return view_.bytes().size(); }
  std::string gpu() const override { return mirror_->gpu(); }
  std::span<std::byte> view() override { return view_.bytes(); }
  Status flush() override {
    const auto all = view();
    return mirror_->to_gpu({&all, 1});
  }
  Status fetch() override {
    const auto all = view();
    return mirror_->to_host({&all, 1});
  }

 private:
  GpuPool(Mapping view, std::unique_ptr<tools::GpuMirror> mirror, std::uint64_t address)
      : view_(std::move(view)), mirror_(std::move(mirror)), address_(address) {}

  Mapping view_;
  std::unique_ptr<tools::GpuMirror> mirror_;
  std::uint64_t address_;
};

}  // namespace

Result<std::unique_ptr<PoolMemory>> allocate_pool(MemoryKind kind, std::uint64_t bytes,
                                                  const std::string& gpu) {
  if (kind == MemoryKind::kCuda) return GpuPool::create(bytes, gpu);
  PEGAFLOW_ASSIGN(auto mapping, Mapping::create(bytes));
  return std::unique_ptr<PoolMemory>(new HostPool(std::move(mapping)));
}

}  // namespace pegaflow::bench
