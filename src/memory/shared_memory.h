// SharedMemory: a sealed memfd mapped into this process, made here or received from another one.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "base/unique_fd.h"
#include "pegaflow/result.h"

namespace pegaflow::memory {

// Owns mapping and descriptor. Movable; the mapping's address does not change when moved. A forked
// child does not inherit the mapping.
class SharedMemory {
 public:
  // A new memfd of exactly `bytes`, zero-filled, prefaulted, sealed against resizing (never against
  // writing). kResourceExhausted: the machine or the control group has too little memory left.
  static Result<SharedMemory> create(const std::string& name, std::size_t bytes);
  // Maps one that came from another process. kProtocol: not a memfd, another size, or seals that
  // would let its owner shrink it under us (or make it read-only).
  static Result<SharedMemory> map(std::string_view what, UniqueFd fd, std::size_t bytes);

  SharedMemory(SharedMemory&& other) noexcept;
  SharedMemory& operator=(SharedMemory&&) = delete;
  ~SharedMemory();

  std::span<std::byte> bytes() const { return bytes_; }
  int fd() const { return fd_.get(); }

 private:
  SharedMemory(UniqueFd fd, std::span<std::byte> bytes);
  UniqueFd fd_;
  std::span<std::byte> bytes_;
  pid_t mapped_by_;
};

}  // namespace pegaflow::memory
