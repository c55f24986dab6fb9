#include "wire/ring.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "tests/wire/arbitrary_messages.h"
#include "tests/wire/doc_examples.h"
#include "tests/wire/example_ring.h"
#include "tests/wire/example_values.h"

namespace pegaflow::wire {
namespace {

using testing::HasSubstr;
using Bytes = std::vector<std::byte>;

// The two directions behind one face.
struct ClientSide {
  using Message = ClientMessage;
  static constexpr const char* kName = "client";
  static auto encode(const Message& message, RingBuffer& out) {
    return encode_client(message, out);
  }
  static auto decode(std::uint8_t type, const Bytes& bytes) { return decode_client(type, bytes); }
  static auto examples() { return example_client_messages(); }
};
struct AgentSide {
  using Message = AgentMessage;
  static constexpr const char* kName = "agent";
  static auto encode(const Message& message, RingBuffer& out) { return encode_agent(message, out); }
  static auto decode(std::uint8_t type, const Bytes& bytes) { return decode_agent(type, bytes); }
  static auto examples() { return example_agent_messages(); }
};

template <typename Side>
class Ring : public testing::Test {
 protected:
  using Message = typename Side::Message;
  static Bytes encoded(const Message& message) {
    RingBuffer buffer;
    auto size = Side::encode(message, buffer);
    EXPECT_TRUE(size.ok()) << size.error().message();
    return size.ok() ? Bytes(buffer.begin(), buffer.begin() + static_cast<std::ptrdiff_t>(*size))
                     : Bytes();
  }
  static std::uint8_t type_of(const Message& message) {
    return static_cast<std::uint8_t>(message.index() + 1);
  }
};
using Sides = testing::Types<ClientSide, AgentSide>;
TYPED_TEST_SUITE(Ring, Sides);

TYPED_TEST(Ring, every_example_is_as_the_page_shows_it) {
  const auto pages = doc_examples("ring.md");
  std::size_t next = 0;
  for (const auto& message : TypeParam::examples()) {
    EXPECT_EQ(message.index(), next++) << "the examples cover every type";
    const std::string name =
        TypeParam::kName + std::string(" ") + std::to_string(this->type_of(message));
    const Bytes bytes = this->encoded(message);
    ASSERT_TRUE(pages.contains(name)) << name << " should be\n" << hex_of_bytes(bytes);
    EXPECT_EQ(bytes_of_hex(pages.at(name)), bytes) << name << " should be\n" << hex_of_bytes(bytes);
    auto decoded = TypeParam::decode(this->type_of(message), bytes);
    ASSERT_TRUE(decoded.ok()) << decoded.error().message();
    EXPECT_TRUE(*decoded == message) << name;
  }
  EXPECT_EQ(next, std::variant_size_v<typename TypeParam::Message>);
}

TYPED_TEST(Ring, messages_survive_the_journey) {
  EXPECT_TRUE(rc::check([&] {
    const auto message = arbitrary_message<typename TypeParam::Message>();
    auto decoded = TypeParam::decode(this->type_of(message), this->encoded(message));
    RC_ASSERT(decoded.ok());
    RC_ASSERT(*decoded == message);
  }));
}

TYPED_TEST(Ring, a_cut_message_is_always_noticed) {
  EXPECT_TRUE(rc::check([&] {
    const auto message = arbitrary_message<typename TypeParam::Message>();
    Bytes bytes = this->encoded(message);
    while (!bytes.empty()) {
      bytes.pop_back();
      RC_ASSERT(!TypeParam::decode(this->type_of(message), bytes).ok());
    }
  }));
}

// (Damage is noticed by the entries' checksum; here it was made by a hostile writer.)
TYPED_TEST(Ring, what_is_accepted_has_one_encoding) {
  EXPECT_TRUE(rc::check([&] {
    const auto message = arbitrary_message<typename TypeParam::Message>();
    const Bytes good = this->encoded(message);
    for (std::size_t at = 0; at < good.size(); ++at) {
      Bytes bytes = good;
      bytes[at] ^= std::byte{*rc::gen::inRange<std::uint8_t>(1, 255)};
      auto decoded = TypeParam::decode(this->type_of(message), bytes);
      if (decoded.ok()) RC_ASSERT(this->encoded(*decoded) == bytes);
    }
  }));
}

TYPED_TEST(Ring, an_unknown_type_is_refused) {
  constexpr auto kTypes = std::variant_size_v<typename TypeParam::Message>;
  for (const std::size_t type : {std::size_t{0}, kTypes + 1, std::size_t{255}}) {
    auto decoded = TypeParam::decode(static_cast<std::uint8_t>(type), {});
    ASSERT_FALSE(decoded.ok());
    EXPECT_EQ(decoded.error().code(), Code::kProtocol);
    EXPECT_THAT(decoded.error().message(), HasSubstr("type is " + std::to_string(type)));
  }
}

TEST(RingText, limits_hold_in_both_directions) {
  RingBuffer buffer;
  RingResult result;
  result.kind = EventKind::kFailed;
  result.key = example_key();
  result.detail = std::string(255, 'd');
  EXPECT_TRUE(encode_agent(result, buffer).ok());
  result.detail += 'd';
  auto too_long = encode_agent(result, buffer);
  ASSERT_FALSE(too_long.ok());
  EXPECT_THAT(too_long.error().message(), HasSubstr("RESULT: detail: has 256 bytes"));

  RingRelease release{example_key(), {"", 0}, 0};
  EXPECT_FALSE(encode_client(release, buffer).ok());
  release.source.instance = std::string(kMaxInstanceBytes + 1, 'i');
  EXPECT_FALSE(encode_client(release, buffer).ok());
  release.source.instance = std::string(kMaxInstanceBytes, 'i');
  auto size = encode_client(release, buffer);
  ASSERT_TRUE(size.ok());
  Bytes bytes(buffer.begin(), buffer.begin() + static_cast<std::ptrdiff_t>(*size));
  bytes[33] = std::byte{0};  // the instance's length
  EXPECT_FALSE(decode_client(9, bytes).ok());
}

}  // namespace
}  // namespace pegaflow::wire
