// Worker addresses and memory keys as records and LINK carry them. The input is also tried with
// length and checksum made right, since chance never finds those. What is accepted must wrap to the
// same bytes again; the library underneath is never asked.
#include <algorithm>
#include <cstring>
#include <vector>

#include "base/check.h"
#include "base/crc32c.h"
#include "transport/blob.h"

namespace {

using namespace pegaflow;
using namespace pegaflow::transport;
using Bytes = std::vector<std::byte>;

constexpr std::size_t kHeaderBytes = 12;  // magic, version, kind, length
constexpr std::size_t kChecksumBytes = 4;

void unwrap(const Bytes& bytes) {
  for (const BlobKind kind : {BlobKind::kUcxAddress, BlobKind::kUcxMemoryKey,
                              BlobKind::kLoopbackAddress, BlobKind::kLoopbackMemoryKey}) {
    const auto payload = unwrap_blob(kind, bytes);
    if (payload.ok()) {
      const auto again = wrap_blob(kind, *payload);
      PEGAFLOW_CHECK(again.ok() &&
                     std::equal(again->begin(), again->end(), bytes.begin(), bytes.end()));
    }
    const auto key = unwrap_memory_key(kind, bytes);
    if (key.ok()) {
      PEGAFLOW_CHECK(key->length >= 1 && key->base + key->length >= key->base);
    }
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto* first = reinterpret_cast<const std::byte*>(data);
  Bytes bytes(first, first + size);
  unwrap(bytes);
  if (size < kHeaderBytes + kChecksumBytes) return 0;
  const auto model = wrap_blob(BlobKind::kUcxAddress, {});
  PEGAFLOW_CHECK(model.ok());
  std::memcpy(bytes.data(), model->data(), 6);  // magic and version
  const auto length = static_cast<std::uint32_t>(size - kHeaderBytes - kChecksumBytes);
  std::memcpy(bytes.data() + 8, &length, 4);
  const std::uint32_t crc = crc32c(std::span(bytes).first(size - kChecksumBytes));
  std::memcpy(bytes.data() + size - kChecksumBytes, &crc, 4);
  unwrap(bytes);
  return 0;
}
