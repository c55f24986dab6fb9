#include "transport/ucx/put_notice.h"

#include <gtest/gtest.h>

#include <array>

#include "transport/ucx/channel.h"

namespace pegaflow::transport {
namespace {

using Bytes = std::array<std::byte, kPutNoticeBytes>;

Bytes encoded(const PutNotice& notice) {
  Bytes bytes{};
  encode_put_notice(notice, bytes);
  return bytes;
}

TEST(PutNotices, decode_to_what_was_encoded) {
  const PutNotice notice{.kind = PutNoticeKind::kFlush, .address = 1, .length = 2, .number = 3};
  const auto decoded = decode_put_notice(encoded(notice)).value();
  EXPECT_EQ(decoded.kind, PutNoticeKind::kFlush);
  EXPECT_EQ(decoded.address, 1U);
  EXPECT_EQ(decoded.length, 2U);
  EXPECT_EQ(decoded.number, 3U);
}

TEST(PutNotices, of_another_length_or_kind_are_refused) {
  auto bytes = encoded({});
  EXPECT_EQ(decode_put_notice(std::span(bytes).first(31)).error().code(), Code::kProtocol);
  const std::array<std::byte, kPutNoticeBytes + 1> longer{std::byte{1}};
  EXPECT_EQ(decode_put_notice(longer).error().code(), Code::kProtocol);
  for (const auto kind : {0, 4, 255}) {
    bytes[0] = static_cast<std::byte>(kind);
    EXPECT_EQ(decode_put_notice(bytes).error().code(), Code::kProtocol) << kind;
  }
  bytes[0] = std::byte{1};
  bytes[5] = std::byte{1};
  EXPECT_EQ(decode_put_notice(bytes).error().code(), Code::kProtocol);
}

}  // namespace
}  // namespace pegaflow::transport
