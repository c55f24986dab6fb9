#include "wire/control.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <cstring>

#include "base/crc32c.h"
#include "tests/wire/arbitrary_messages.h"
#include "tests/wire/doc_examples.h"
#include "tests/wire/example_control.h"
#include "tests/wire/example_values.h"

namespace pegaflow::wire {
namespace {

using testing::HasSubstr;
using Bytes = std::vector<std::byte>;

constexpr std::size_t kHeaderBytes = 36;

Bytes encoded(const ControlMessage& message, const ControlHeader& header = example_header()) {
  std::array<std::byte, kMaxControlBytes> buffer{};
  auto size = encode_control(header, message, buffer);
  EXPECT_TRUE(size.ok()) << size.error().message();
  return size.ok() ? Bytes(buffer.begin(), buffer.begin() + static_cast<std::ptrdiff_t>(*size))
                   : Bytes();
}

// Makes the length and the checksum right again after a change.
Bytes repaired(Bytes bytes) {
  const auto length = static_cast<std::uint32_t>(bytes.size());
  std::memcpy(bytes.data() + 8, &length, 4);
  std::memset(bytes.data() + 32, 0, 4);
  const std::uint32_t crc = crc32c(bytes);
  std::memcpy(bytes.data() + 32, &crc, 4);
  return bytes;
}

std::string refusal(const Bytes& bytes) {
  auto decoded = decode_control(bytes);
  if (decoded.ok()) return "(accepted)";
  EXPECT_EQ(decoded.error().code(), Code::kProtocol);
  return decoded.error().message();
}

Bytes with_byte(Bytes bytes, std::size_t at, std::uint8_t value) {
  bytes.at(at) = std::byte{value};
  return repaired(std::move(bytes));
}

TEST(Control, every_example_is_as_the_page_shows_it) {
  const auto examples = doc_examples("wire.md");
  for (const ControlMessage& message : example_control_messages()) {
    const auto type = static_cast<std::uint8_t>(message.index() + 1);
    const std::string name(control_name(type));
    const Bytes bytes = encoded(message);
    ASSERT_TRUE(examples.contains(name)) << name << " should be\n" << hex_of_bytes(bytes);
    EXPECT_EQ(bytes_of_hex(examples.at(name)), bytes) << name << " should be\n"
                                                      << hex_of_bytes(bytes);
    auto decoded = decode_control(bytes);
    ASSERT_TRUE(decoded.ok()) << decoded.error().message();
    EXPECT_TRUE(decoded->message == message) << name;
    EXPECT_FALSE(decoded->skipped);
  }
}

TEST(Control, the_worked_example_is_the_example) {
  const auto examples = doc_examples("wire.md");
  ASSERT_TRUE(examples.contains("worked WANT"));
  EXPECT_EQ(bytes_of_hex(examples.at("worked WANT")), bytes_of_hex(examples.at("WANT")));
}

TEST(Control, the_examples_cover_every_type) {
  EXPECT_EQ(example_control_messages().size() + 1, kControlTypes);
}

TEST(Control, the_header_arrives) {
  const ControlHeader header = example_header();
  auto decoded = decode_control(encoded(Drain{1}));
  ASSERT_TRUE(decoded.ok());
  EXPECT_EQ(decoded->header.type, static_cast<std::uint8_t>(ControlType::kDrain));
  EXPECT_EQ(decoded->header.sequence, header.sequence);
  EXPECT_EQ(decoded->header.ack, header.ack);
  EXPECT_EQ(decoded->header.sender_epoch, header.sender_epoch);
  EXPECT_EQ(decoded->header.incarnation, header.incarnation);
}

RC_GTEST_PROP(ControlProperty, messages_survive_the_journey, ()) {
  const auto message = arbitrary_message<ControlMessage>();
  auto decoded = decode_control(encoded(message));
  RC_ASSERT(decoded.ok());
  RC_ASSERT(decoded->message == message);
}

RC_GTEST_PROP(ControlProperty, a_changed_byte_is_always_noticed, ()) {
  Bytes bytes = encoded(arbitrary_message<ControlMessage>());
  const auto flip = std::byte{*rc::gen::inRange<std::uint8_t>(1, 255)};
  for (std::byte& byte : bytes) {
    byte ^= flip;
    RC_ASSERT(!decode_control(bytes).ok());
    byte ^= flip;
  }
}

RC_GTEST_PROP(ControlProperty, a_cut_message_is_always_noticed, ()) {
  const Bytes bytes = encoded(arbitrary_message<ControlMessage>());
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    const Bytes cut(bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(size));
    RC_ASSERT(!decode_control(cut).ok());
    if (size >= kHeaderBytes) RC_ASSERT(!decode_control(repaired(cut)).ok());
  }
}

// With the checksum made right, a changed body is either refused or means something else, but no
// two encodings mean the same.
RC_GTEST_PROP(ControlProperty, what_is_accepted_has_one_encoding, ()) {
  Bytes bytes = encoded(arbitrary_message<ControlMessage>());
  const auto at = *rc::gen::inRange<std::size_t>(kHeaderBytes, bytes.size());
  bytes[at] = std::byte{*rc::gen::arbitrary<std::uint8_t>()};
  bytes = repaired(std::move(bytes));
  auto decoded = decode_control(bytes);
  if (decoded.ok()) RC_ASSERT(encoded(decoded->message, decoded->header) == bytes);
}

TEST(Control, every_header_field_is_checked) {
  const Bytes good = encoded(Drain{1});
  EXPECT_THAT(refusal({}), HasSubstr("size is 0"));
  EXPECT_THAT(refusal(Bytes(kMaxControlBytes + 1)), HasSubstr("size is 1025"));
  EXPECT_THAT(refusal(with_byte(good, 0, 0)), HasSubstr("magic"));
  EXPECT_THAT(refusal(with_byte(good, 4, 2)), HasSubstr("version is 2, expected 1"));
  EXPECT_THAT(refusal(with_byte(good, 7, 2)), HasSubstr("flags is 2"));
  EXPECT_THAT(refusal(with_byte(good, 6, 0)), HasSubstr("type is 0"));
  EXPECT_THAT(refusal(with_byte(good, 6, kControlTypes)), HasSubstr("type is 17"));
  Bytes longer = good;
  longer.push_back(std::byte{0});
  EXPECT_THAT(refusal(longer), HasSubstr("length is 40, expected 41"));
  EXPECT_THAT(refusal(repaired(longer)), HasSubstr("DRAIN: 1 bytes too many"));
}

TEST(Control, an_unknown_type_is_skipped_only_if_the_sender_allows_it) {
  Bytes unknown = encoded(Drain{1});
  unknown[6] = std::byte{99};
  EXPECT_THAT(refusal(repaired(unknown)), HasSubstr("type is 99"));
  unknown[7] = std::byte{kIgnorableFlag};
  auto decoded = decode_control(repaired(unknown));
  ASSERT_TRUE(decoded.ok());
  EXPECT_TRUE(decoded->skipped);
  EXPECT_EQ(decoded->header.sequence, example_header().sequence);
}

TEST(Control, bad_values_are_refused_by_name) {
  const Bytes offered = encoded(Offered{example_key(), 1, 2, 3});
  EXPECT_THAT(refusal(with_byte(offered, kHeaderBytes, 2)), HasSubstr("OFFERED: key space: is 2"));
  EXPECT_THAT(refusal(with_byte(offered, kHeaderBytes, 0)), HasSubstr("key space: is 0"));
  const Bytes abort = encoded(Abort{example_stream(), Reason::kNone});
  EXPECT_THAT(refusal(with_byte(abort, abort.size() - 1, kMaxReason + 1)),
              HasSubstr("ABORT: reason: is 28"));
  const Bytes want = encoded(Want{example_stream(), true, 3, 4});
  EXPECT_THAT(refusal(with_byte(want, kHeaderBytes + 12, 2)), HasSubstr("offered: is 2"));
  EXPECT_THAT(refusal(with_byte(want, kHeaderBytes + 13, 5)), HasSubstr("ready ≤ total"));
  const Bytes credit = encoded(Credit{example_stream(), {}});
  EXPECT_THAT(refusal(with_byte(credit, kHeaderBytes + 12, 17)),
              HasSubstr("slots: has 17 entries, expected at most 16"));
  EXPECT_THAT(refusal(with_byte(credit, kHeaderBytes + 12, 1)), HasSubstr("ends too early"));
}

TEST(Control, what_would_be_refused_is_not_sent) {
  std::array<std::byte, kMaxControlBytes> buffer{};
  Key content = example_key();
  content.space = KeySpace::kContent;
  auto reserved = encode_control(example_header(), Offered{content, 1, 2, 3}, buffer);
  ASSERT_FALSE(reserved.ok());
  EXPECT_EQ(reserved.error().code(), Code::kInvalidArgument);
  ControlHeader future = example_header();
  future.version = 2;
  EXPECT_FALSE(encode_control(future, Drain{1}, buffer).ok());
  Grant backwards;
  backwards.key = example_key();
  backwards.tokens = {{2, 1}};
  auto refused = encode_control(example_header(), backwards, buffer);
  ASSERT_FALSE(refused.ok());
  EXPECT_THAT(refused.error().message(), HasSubstr("begin ≤ end"));
}

TEST(Control, the_largest_messages_fit) {
  Chunk chunk{example_stream(), {}};
  while (!chunk.chunks.full()) chunk.chunks.push_back({});
  EXPECT_LE(encoded(chunk).size(), kMaxControlBytes);
  Grant grant;
  grant.key = example_key();
  while (!grant.tokens.full()) grant.tokens.push_back({});
  grant.eager.push_back({});
  EXPECT_LE(encoded(grant).size(), kMaxControlBytes);
}

}  // namespace
}  // namespace pegaflow::wire
