#include "memory/shared_memory.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>
#include <utility>

#include "memory/memory_budget.h"

namespace pegaflow::memory {
namespace {

constexpr int kSizeSeals = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL;
constexpr int kWriteSeals = F_SEAL_WRITE | F_SEAL_FUTURE_WRITE;
constexpr unsigned kMfdNoexecSeal = 8;  // MFD_NOEXEC_SEAL of Linux 6.3

Error no_memory(std::string_view what, std::size_t bytes) {
  const int saved = errno;
  return {Code::kResourceExhausted,
          std::string(what) + ": cannot get " + std::to_string(bytes) +
              " bytes of shared memory (" + std::generic_category().message(saved) +
              "); configure fewer or smaller slots, or raise the memory limit"};
}

Result<UniqueFd> make_memfd(const std::string& name) {
  constexpr unsigned kFlags = MFD_CLOEXEC | MFD_ALLOW_SEALING;
  UniqueFd fd(::memfd_create(name.c_str(), kFlags | kMfdNoexecSeal));
  if (!fd.valid() && errno == EINVAL) fd = UniqueFd(::memfd_create(name.c_str(), kFlags));
  if (!fd.valid()) return system_error("create shared memory " + name);
  return fd;
}

Result<std::span<std::byte>> map_all(std::string_view what, int fd, std::size_t bytes) {
  void* at = ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  if (at == MAP_FAILED) return no_memory(what, bytes);
  // A forked child must not be able to write after its parent's exit was taken as proof that
  // nobody does.
  if (::madvise(at, bytes, MADV_DONTFORK) != 0) {
    Error error = system_error("keep shared memory from forked children");
    ::munmap(at, bytes);
    return error;
  }
  ::madvise(at, bytes, MADV_HUGEPAGE);  // advice: not every kernel has it for shared memory
  return std::span(static_cast<std::byte*>(at), bytes);
}

// Brings all pages in now, so that a shortage is an error here and not a SIGBUS later.
Status prefault(std::string_view what, int fd, std::span<std::byte> bytes) {
  if (::madvise(bytes.data(), bytes.size(), MADV_POPULATE_WRITE) == 0) return {};
  if (errno == EINVAL) {  // before Linux 5.14
    if (::fallocate(fd, 0, 0, static_cast<off_t>(bytes.size())) == 0) return {};
  }
  return no_memory(what, bytes.size());
}

Status check_seals(std::string_view what, int fd) {
  const int seals = ::fcntl(fd, F_GET_SEALS);
  if (seals < 0) {
    return Error(Code::kProtocol, std::string(what) + ": the file is not sealable shared memory");
  }
  if ((seals & kSizeSeals) != kSizeSeals) {
    return Error(Code::kProtocol, std::string(what) + ": the shared memory can be resized (seals " +
                                      std::to_string(seals) + "), expected it sealed");
  }
  if ((seals & kWriteSeals) != 0) {
    return Error(Code::kProtocol, std::string(what) + ": the shared memory is read-only (seals " +
                                      std::to_string(seals) + "), expected it writable");
  }
  return {};
}

Status check_size(std::string_view what, int fd, std::size_t bytes) {
  struct stat found{};
  if (::fstat(fd, &found) != 0) return system_error("look at shared memory");
  if (std::cmp_equal(found.st_size, bytes)) return {};
  return Error(Code::kProtocol, std::string(what) + ": the shared memory has " +
                                    std::to_string(found.st_size) + " bytes, expected " +
                                    std::to_string(bytes));
}

}  // namespace

SharedMemory::SharedMemory(UniqueFd fd, std::span<std::byte> bytes)
    : fd_(std::move(fd)), bytes_(bytes), mapped_by_(::getpid()) {}

SharedMemory::SharedMemory(SharedMemory&& other) noexcept
    : fd_(std::move(other.fd_)),
      bytes_(std::exchange(other.bytes_, {})),
      mapped_by_(other.mapped_by_) {}

SharedMemory::~SharedMemory() {
  // A forked child has no such mapping (MADV_DONTFORK); something else may lie there.
  if (!bytes_.empty() && mapped_by_ == ::getpid()) ::munmap(bytes_.data(), bytes_.size());
}

Result<SharedMemory> SharedMemory::create(const std::string& name, std::size_t bytes) {
  PEGAFLOW_TRY(check_memory(name, bytes, available_memory()));
  PEGAFLOW_ASSIGN(UniqueFd fd, make_memfd(name));
  if (::ftruncate(fd.get(), static_cast<off_t>(bytes)) != 0) return no_memory(name, bytes);
  PEGAFLOW_ASSIGN(const std::span<std::byte> mapping, map_all(name, fd.get(), bytes));
  SharedMemory memory(std::move(fd), mapping);
  PEGAFLOW_TRY(prefault(name, memory.fd(), mapping));
  if (::fcntl(memory.fd(), F_ADD_SEALS, kSizeSeals) != 0) {
    return system_error("seal shared memory " + name);
  }
  return memory;
}

Result<SharedMemory> SharedMemory::map(std::string_view what, UniqueFd fd, std::size_t bytes) {
  PEGAFLOW_TRY(check_seals(what, fd.get()));
  PEGAFLOW_TRY(check_size(what, fd.get(), bytes));
  PEGAFLOW_ASSIGN(const std::span<std::byte> mapping, map_all(what, fd.get(), bytes));
  SharedMemory memory(std::move(fd), mapping);
  PEGAFLOW_TRY(prefault(what, memory.fd(), mapping));
  return memory;
}

}  // namespace pegaflow::memory
