#include "transport/ucx/put_notice.h"

#include <string>

#include "base/bytes.h"
#include "base/check.h"

namespace pegaflow::transport {

void encode_put_notice(const PutNotice& notice, std::span<std::byte> out) {
  ByteWriter writer(out);
  writer.put(static_cast<std::uint32_t>(notice.kind));
  writer.put(std::uint32_t{0});
  writer.put(notice.address);
  writer.put(notice.length);
  writer.put(notice.number);
  PEGAFLOW_CHECK(writer.ok());
}

Result<PutNotice> decode_put_notice(std::span<const std::byte> bytes) {
  ByteReader reader(bytes);
  const auto kind = reader.get<std::uint32_t>();
  const auto zero = reader.get<std::uint32_t>();
  PutNotice notice;
  notice.address = reader.get<std::uint64_t>();
  notice.length = reader.get<std::uint64_t>();
  notice.number = reader.get<std::uint64_t>();
  if (!reader.finished() || zero != 0 || kind < 1 || kind > 3) {
    return Error(Code::kProtocol, "a put notice of " + std::to_string(bytes.size()) +
                                      " bytes and kind " + std::to_string(kind) +
                                      ", expected 32 bytes and kind 1 to 3");
  }
  notice.kind = static_cast<PutNoticeKind>(kind);
  return notice;
}

}  // namespace pegaflow::transport
