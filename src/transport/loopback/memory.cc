#include "transport/loopback/memory.h"

#include <array>
#include <string>

#include "base/bytes.h"
#include "transport/blob.h"

namespace pegaflow::transport {

Result<std::unique_ptr<LocalMemory>> LoopbackLocalMemory::map(Fabric& fabric,
                                                              std::span<std::byte> bytes,
                                                              Registrations::Slot slot) {
  const auto region = fabric.add_region(bytes);
  std::array<std::byte, sizeof region> rkey{};
  ByteWriter(rkey).put(region);
  auto blob = wrap_memory_key(BlobKind::kLoopbackMemoryKey,
                              {.base = reinterpret_cast<std::uintptr_t>(bytes.data()),
                               .length = bytes.size(),
                               .rkey = rkey});
  return std::unique_ptr<LocalMemory>(std::make_unique<LoopbackLocalMemory>(
      fabric, region, bytes, std::move(blob).value(), std::move(slot)));
}

Result<std::unique_ptr<RemoteMemory>> LoopbackRemoteMemory::unpack(PortId owner,
                                                                   const Blob& remote_key) {
  PEGAFLOW_ASSIGN(const auto key, unwrap_memory_key(BlobKind::kLoopbackMemoryKey, remote_key));
  ByteReader reader(key.rkey);
  const auto region = reader.get<RegionKey>();
  if (!reader.finished()) {
    return Error(Code::kProtocol, "a loopback rkey has " + std::to_string(key.rkey.size()) +
                                      " bytes, expected " + std::to_string(sizeof(RegionKey)));
  }
  return std::unique_ptr<RemoteMemory>(
      std::make_unique<LoopbackRemoteMemory>(owner, region, key.length));
}

}  // namespace pegaflow::transport
