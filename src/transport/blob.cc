#include "transport/blob.h"

#include <limits>
#include <string>

#include "base/bytes.h"
#include "base/crc32c.h"

namespace pegaflow::transport {
namespace {

constexpr std::uint32_t kMagic = 0x42544650;  // "PFTB"
constexpr std::uint16_t kVersion = 1;
constexpr std::size_t kHeaderBytes = 12;
constexpr std::size_t kCrcBytes = 4;

Error refused(const char* what, std::uint64_t got, std::uint64_t expected) {
  return {Code::kProtocol, std::string("transport blob refused: ") + what + " is " +
                               std::to_string(got) + ", expected " + std::to_string(expected)};
}

}  // namespace

Result<Blob> wrap_blob(BlobKind kind, std::span<const std::byte> payload) {
  if (payload.size() > kMaxBlobBytes - kHeaderBytes - kCrcBytes) {
    return Error(Code::kResourceExhausted,
                 "transport blob of " + std::to_string(payload.size()) + " bytes is longer than " +
                     std::to_string(kMaxBlobBytes - kHeaderBytes - kCrcBytes));
  }
  Blob blob(kHeaderBytes + payload.size() + kCrcBytes);
  ByteWriter writer(blob);
  writer.put(kMagic);
  writer.put(kVersion);
  writer.put(static_cast<std::uint16_t>(kind));
  writer.put(static_cast<std::uint32_t>(payload.size()));
  writer.put_bytes(payload);
  writer.put(crc32c(writer.written()));
  return blob;
}

Result<std::span<const std::byte>> unwrap_blob(BlobKind expected, std::span<const std::byte> blob) {
  if (blob.size() < kHeaderBytes + kCrcBytes || blob.size() > kMaxBlobBytes) {
    return refused("its size", blob.size(), kHeaderBytes + kCrcBytes);
  }
  ByteReader reader(blob);
  const auto magic = reader.get<std::uint32_t>();
  if (magic != kMagic) return refused("its magic", magic, kMagic);
  const auto version = reader.get<std::uint16_t>();
  if (version != kVersion) return refused("its version", version, kVersion);
  const auto kind = reader.get<std::uint16_t>();
  const auto length = reader.get<std::uint32_t>();
  const std::size_t carried = blob.size() - kHeaderBytes - kCrcBytes;
  if (length != carried) return refused("its length field", length, carried);
  const auto payload = reader.get_bytes(length);
  const auto crc = reader.get<std::uint32_t>();
  const auto computed = crc32c(blob.first(kHeaderBytes + length));
  if (crc != computed) return refused("its checksum", crc, computed);
  if (kind != static_cast<std::uint16_t>(expected)) {
    return refused("its kind", kind, static_cast<std::uint16_t>(expected));
  }
  return payload;
}

Result<Blob> wrap_memory_key(BlobKind kind, const MemoryKey& key) {
  Blob payload(2 * sizeof(std::uint64_t) + key.rkey.size());
  ByteWriter writer(payload);
  writer.put(key.base);
  writer.put(key.length);
  writer.put_bytes(key.rkey);
  return wrap_blob(kind, payload);
}

Result<MemoryKey> unwrap_memory_key(BlobKind kind, std::span<const std::byte> blob) {
  PEGAFLOW_ASSIGN(const auto payload, unwrap_blob(kind, blob));
  ByteReader reader(payload);
  MemoryKey key;
  key.base = reader.get<std::uint64_t>();
  key.length = reader.get<std::uint64_t>();
  key.rkey = reader.get_bytes(reader.left());
  if (!reader.ok() || key.rkey.empty()) {
    return refused("the payload's size", payload.size(), 2 * sizeof(std::uint64_t) + 1);
  }
  if (key.length == 0 || key.length > std::numeric_limits<std::uint64_t>::max() - key.base) {
    return refused("the memory's length", key.length,
                   std::numeric_limits<std::uint64_t>::max() - key.base);
  }
  return key;
}

}  // namespace pegaflow::transport
