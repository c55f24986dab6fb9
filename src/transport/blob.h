// The wrapping of what travels in records and in LINK: worker addresses and memory keys. A blob
// that was cut, flipped or made for something else never reaches the library underneath, which
// would crash on it. It is no protection against a peer that means harm.
//
// Little-endian: u32 magic, u16 version, u16 kind, u32 length, payload, u32 crc32c of all before.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "pegaflow/result.h"
#include "transport/transport.h"

namespace pegaflow::transport {

enum class BlobKind : std::uint16_t {
  kUcxAddress = 1,
  kUcxMemoryKey = 2,
  kLoopbackAddress = 3,
  kLoopbackMemoryKey = 4,
};

// kResourceExhausted when the wrapped blob would be longer than kMaxBlobBytes.
Result<Blob> wrap_blob(BlobKind kind, std::span<const std::byte> payload);

// The payload, a view into `blob`; kProtocol with what is wrong, its value and what was expected.
Result<std::span<const std::byte>> unwrap_blob(BlobKind expected, std::span<const std::byte> blob);

// The payload of a memory key: u64 base, u64 length, then the library's own rkey.
struct MemoryKey {
  std::uint64_t base = 0;    // address in the owner's process
  std::uint64_t length = 0;  // bytes, ≥ 1; base + length does not overflow
  std::span<const std::byte> rkey;
};

Result<Blob> wrap_memory_key(BlobKind kind, const MemoryKey& key);
Result<MemoryKey> unwrap_memory_key(BlobKind kind, std::span<const std::byte> blob);

}  // namespace pegaflow::transport
