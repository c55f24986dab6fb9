#include "wire/setup.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "tests/wire/doc_examples.h"
#include "tests/wire/example_setup.h"

namespace pegaflow::wire {
namespace {

using nlohmann::json;
using testing::HasSubstr;

struct SessionSide {
  using Message = SessionMessage;
  static constexpr const char* kName = "session";
  static auto encode(const Message& message) { return encode_session(message); }
  static auto decode(std::string_view text) { return decode_session(text); }
  static auto examples() { return example_session_messages(); }
};
struct LinkSide {
  using Message = LinkMessage;
  static constexpr const char* kName = "link";
  static auto encode(const Message& message) { return encode_link(message); }
  static auto decode(std::string_view text) { return decode_link(text); }
  static auto examples() { return example_link_messages(); }
};

template <typename Side>
class Setup : public testing::Test {
 protected:
  static json encoded(const typename Side::Message& message) {
    auto text = Side::encode(message);
    EXPECT_TRUE(text.ok()) << text.error().message();
    return text.ok() ? json::parse(*text) : json();
  }
  static std::string refusal(const json& document) {
    auto decoded = Side::decode(document.dump());
    if (decoded.ok()) return "(accepted) " + document.dump();
    EXPECT_EQ(decoded.error().code(), Code::kProtocol);
    return decoded.error().message();
  }
};
using Sides = testing::Types<SessionSide, LinkSide>;
TYPED_TEST_SUITE(Setup, Sides);

TYPED_TEST(Setup, every_example_is_as_the_page_shows_it) {
  const auto pages = doc_examples("setup.md");
  std::size_t next = 0;
  for (const auto& message : TypeParam::examples()) {
    EXPECT_EQ(message.index(), next++) << "the examples cover every type";
    const json document = this->encoded(message);
    const std::string name =
        TypeParam::kName + std::string(" ") + document["type"].template get<std::string>();
    ASSERT_TRUE(pages.contains(name)) << name << " should be\n" << document.dump();
    EXPECT_EQ(json::parse(pages.at(name)), document) << name << " should be\n" << document.dump();
    auto decoded = TypeParam::decode(document.dump());
    ASSERT_TRUE(decoded.ok()) << decoded.error().message();
    EXPECT_TRUE(*decoded == message) << name;
  }
  EXPECT_EQ(next, std::variant_size_v<typename TypeParam::Message>);
}

TYPED_TEST(Setup, a_missing_key_is_named) {
  for (const auto& message : TypeParam::examples()) {
    const json good = this->encoded(message);
    for (const auto& [key, value] : good.items()) {
      json bad = good;
      bad.erase(key);
      EXPECT_THAT(this->refusal(bad), HasSubstr("\"" + key + "\" is missing"));
    }
  }
}

TYPED_TEST(Setup, an_unknown_key_is_named) {
  for (const auto& message : TypeParam::examples()) {
    json bad = this->encoded(message);
    bad["surprise"] = 1;
    EXPECT_THAT(this->refusal(bad), HasSubstr("/surprise: unknown key"));
  }
}

TYPED_TEST(Setup, a_value_of_a_wrong_type_is_named) {
  for (const auto& message : TypeParam::examples()) {
    const json good = this->encoded(message);
    for (const auto& [key, value] : good.items()) {
      json bad = good;
      bad[key] = value.is_null() ? json(1) : json(nullptr);
      EXPECT_THAT(this->refusal(bad), HasSubstr("/" + key)) << bad;
      bad[key] = -1;
      EXPECT_THAT(this->refusal(bad), HasSubstr("/" + key)) << bad;
    }
  }
}

TYPED_TEST(Setup, what_is_no_message_is_refused) {
  for (const char* text : {"", "{", "[]", "1", "null", "{}", R"({"type":"SURPRISE"})",
                           R"({"type":1})", R"({"type":"UNMAP","type":"UNMAP","region":1})"}) {
    auto decoded = TypeParam::decode(text);
    ASSERT_FALSE(decoded.ok()) << text;
    EXPECT_EQ(decoded.error().code(), Code::kProtocol) << text;
  }
}

TYPED_TEST(Setup, a_text_that_is_too_long_is_refused) {
  const std::string text =
      this->encoded(TypeParam::examples().front()).dump() + std::string(kMaxLinkFrameBytes, ' ');
  auto decoded = TypeParam::decode(text);
  ASSERT_FALSE(decoded.ok());
  EXPECT_THAT(decoded.error().message(), HasSubstr("expected at most"));
}

TEST(SetupLimits, numbers_have_ranges) {
  const auto refusal = [](const char* text) {
    auto decoded = decode_session(text);
    return decoded.ok() ? "(accepted)" : decoded.error().message();
  };
  EXPECT_THAT(refusal(R"({"type":"UNMAP","region":65536})"),
              HasSubstr("UNMAP: /region: expected an integer from 0 to 65535, got 65536"));
  EXPECT_THAT(refusal(R"({"type":"PEER_GONE","pool":0})"), HasSubstr("/pool"));
  EXPECT_THAT(refusal(R"({"type":"NO","code":"surprised","reason":""})"), HasSubstr("/code"));
}

TEST(SetupLimits, ranks_and_versions_must_fit_together) {
  Hello hello = std::get<Hello>(example_session_messages().front());
  hello.rank.tp = hello.rank.tp_size;
  auto decoded = decode_session(*encode_session(hello));
  ASSERT_FALSE(decoded.ok());
  EXPECT_THAT(decoded.error().message(), HasSubstr("HELLO: /rank"));
  hello = std::get<Hello>(example_session_messages().front());
  hello.version_min = hello.version_max + 1;
  EXPECT_FALSE(decode_session(*encode_session(hello)).ok());
}

TEST(SetupLimits, a_fault_within_a_shape_has_its_pointer) {
  auto text = encode_session(example_session_messages()[3]);
  ASSERT_TRUE(text.ok());
  json document = json::parse(*text);
  document["shape"]["groups"][0]["parts"] = "two";
  auto decoded = decode_session(document.dump());
  ASSERT_FALSE(decoded.ok());
  EXPECT_THAT(decoded.error().message(), HasSubstr("/shape/groups/0/parts: expected an integer"));
}

TEST(SetupLimits, one_remote_key_per_segment_or_none) {
  Link link = std::get<Link>(example_link_messages().front());
  link.regions[0].rkeys.pop_back();
  auto decoded = decode_link(*encode_link(link));
  ASSERT_FALSE(decoded.ok());
  EXPECT_THAT(decoded.error().message(), HasSubstr("/regions/0: rkeys"));
}

TEST(SetupLimits, a_reason_always_gets_through) {
  const No ugly{Code::kInternal, "line one\nline two \xFF\xFE" + std::string(5000, '\x80')};
  auto text = encode_session(ugly);
  ASSERT_TRUE(text.ok());
  auto decoded = decode_session(*text);
  ASSERT_TRUE(decoded.ok()) << decoded.error().message();
  EXPECT_THAT(std::get<No>(*decoded).reason, HasSubstr("line one line two"));
}

TEST(SetupLimits, codes_have_the_names_that_logs_use) {
  for (int code = 0; code <= static_cast<int>(Code::kInternal); ++code) {
    auto text = encode_session(No{static_cast<Code>(code), ""});
    ASSERT_TRUE(text.ok());
    EXPECT_EQ(json::parse(*text)["code"], std::string(to_string(static_cast<Code>(code))));
  }
}

TEST(SetupLimits, a_pool_too_large_for_the_socket_is_not_sent) {
  AddPool add = std::get<AddPool>(example_session_messages()[3]);
  add.shape.groups.front().stage_bounds.assign(60'000, 1);
  auto text = encode_session(add);
  ASSERT_FALSE(text.ok());
  EXPECT_EQ(text.error().code(), Code::kInvalidArgument);
}

}  // namespace
}  // namespace pegaflow::wire
