#include "http/url.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "http/client.h"

namespace pegaflow::http {
namespace {

using testing::ElementsAre;
using testing::Pair;

TEST(Url, host_and_port_are_read) {
  const auto plain = parse_url("http://rendezvous.example:7600").value();
  EXPECT_EQ(plain.host, "rendezvous.example");
  EXPECT_EQ(plain.port, 7600);
  EXPECT_EQ(parse_url("http://[fd00::1]:80").value().host, "fd00::1");
}

TEST(Url, everything_else_is_refused) {
  for (const char* text : {"", "http://", "http://a", "http://a:", "http://:80", "http://a:0",
                           "http://a:65536", "http://a:80/", "http://a:80x", "https://a:80", "a:80",
                           "http://u@a:80", "http://a b:80", "http://fd00::1:80", "http://a:-1"}) {
    EXPECT_FALSE(parse_url(text).ok()) << text;
  }
}

TEST(Target, path_and_query_are_decoded) {
  const auto target = parse_target("/v1/a%2Fb/?since=a%3A1&wait=1+2&x&y=").value();
  EXPECT_THAT(target.segments, ElementsAre("v1", "a/b", ""));
  EXPECT_THAT(target.query,
              ElementsAre(Pair("since", "a:1"), Pair("wait", "1 2"), Pair("x", ""), Pair("y", "")));
}

TEST(Target, wrong_encodings_are_refused) {
  for (const char* text : {"", "v1", "*", "/%", "/%1", "/%zz", "/%00", "/a?x=%", "/a?%q=1"}) {
    EXPECT_FALSE(parse_target(text).ok()) << text;
  }
}

TEST(PercentEncode, round_trip_of_every_byte) {
  std::string all;
  for (int c = 1; c < 256; ++c) all += static_cast<char>(c);
  EXPECT_EQ(percent_decode(percent_encode(all), true), all);
  EXPECT_EQ(percent_decode(percent_encode(all), false), all);
  EXPECT_EQ(percent_encode("az09-._~"), "az09-._~");
}

}  // namespace
}  // namespace pegaflow::http
