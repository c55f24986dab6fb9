// Registered memory of the loopback network, and what a peer sees of it.
#pragma once

#include <cstdint>
#include <memory>
#include <utility>

#include "transport/loopback/fabric.h"
#include "transport/registrations.h"
#include "transport/transport.h"

namespace pegaflow::transport {

class LoopbackLocalMemory final : public LocalMemory {
 public:
  static Result<std::unique_ptr<LocalMemory>> map(Fabric& fabric, std::span<std::byte> bytes,
                                                  Registrations::Slot slot);
  // Takes over `slot` and a region that was added to `fabric`; `remote_key` names the region.
  LoopbackLocalMemory(Fabric& fabric, RegionKey region, std::span<std::byte> bytes, Blob remote_key,
                      Registrations::Slot slot)
      : slot_(std::move(slot)),
        fabric_(fabric),
        region_(region),
        bytes_(bytes),
        remote_key_(std::move(remote_key)) {}
  ~LoopbackLocalMemory() override { fabric_.remove_region(region_); }
  LoopbackLocalMemory(const LoopbackLocalMemory&) = delete;
  LoopbackLocalMemory& operator=(const LoopbackLocalMemory&) = delete;

  std::span<std::byte> bytes() const override { return bytes_; }
  Blob remote_key() const override { return remote_key_; }

 private:
  Registrations::Slot slot_;
  Fabric& fabric_;
  RegionKey region_;
  std::span<std::byte> bytes_;
  Blob remote_key_;
};

class LoopbackRemoteMemory final : public RemoteMemory {
 public:
  static Result<std::unique_ptr<RemoteMemory>> unpack(PortId owner, const Blob& remote_key);
  LoopbackRemoteMemory(PortId owner, RegionKey region, std::uint64_t size)
      : owner_(owner), region_(region), size_(size) {}

  std::uint64_t size() const override { return size_; }
  RegionKey region() const { return region_; }
  PortId owner() const { return owner_; }

 private:
  PortId owner_;
  RegionKey region_;
  std::uint64_t size_;
};

}  // namespace pegaflow::transport
