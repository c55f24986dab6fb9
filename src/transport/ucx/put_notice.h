// The notices of emulated puts. UCX has an emulation of its own, but UCX 1.13 aborts the receiver's
// process when the sender dies in the middle of it (docs/adr/0013).
//
// 32 bytes, little-endian: u32 kind, u32 zero, u64 address, u64 length, u64 number.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "pegaflow/result.h"

namespace pegaflow::transport {

enum class PutNoticeKind : std::uint32_t {
  kPut = 1,      // `length` bytes for `address` follow
  kFlush = 2,    // answer with kFlushed when all puts before are in place
  kFlushed = 3,  // to the flush of the same number
};

struct PutNotice {
  PutNoticeKind kind = PutNoticeKind::kPut;
  std::uint64_t address = 0;  // of a put: in the receiver's process
  std::uint64_t length = 0;   // of a put
  std::uint64_t number = 0;   // of a flush: how many came before it on this link
};

// Writes kPutNoticeBytes.
void encode_put_notice(const PutNotice& notice, std::span<std::byte> out);
Result<PutNotice> decode_put_notice(std::span<const std::byte> bytes);

}  // namespace pegaflow::transport
