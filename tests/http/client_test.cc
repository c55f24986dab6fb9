#include "http/client.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <future>

#include "raw_socket.h"

namespace pegaflow::http {
namespace {

using std::chrono::milliseconds;
using testing::HasSubstr;

Result<Response> get_from(const OneAnswer& server, std::size_t max_response_bytes = 1'000'000) {
  return Client({"127.0.0.1", server.port(), max_response_bytes}).get("/x", kTestDeadline);
}

TEST(Client, nobody_listening_is_unavailable_and_names_the_url) {
  std::uint16_t port = 0;
  {
    const OneAnswer gone("x");
    port = gone.port();
  }
  const auto response = Client({"127.0.0.1", port}).get("/x", kTestDeadline);
  EXPECT_EQ(response.error().code(), Code::kUnavailable);
  EXPECT_THAT(response.error().message(),
              HasSubstr("GET http://127.0.0.1:" + std::to_string(port) + "/x"));
}

TEST(Client, unknown_hosts_are_unavailable) {
  const auto response = Client({"no-such-host.invalid", 80}).get("/", kTestDeadline);
  EXPECT_EQ(response.error().code(), Code::kUnavailable);
}

TEST(Client, localhost_reaches_a_v4_server) {
  const OneAnswer server("HTTP/1.1 204 No Content\r\nContent-Length: 0\r\n\r\n");
  EXPECT_EQ(Client({"localhost", server.port()}).get("/", kTestDeadline)->status, 204);
}

TEST(Client, silence_ends_at_the_deadline) {
  const OneAnswer server("");
  const auto response = Client({"127.0.0.1", server.port()}).get("/x", milliseconds(50));
  EXPECT_EQ(response.error().code(), Code::kDeadlineExceeded);
}

TEST(Client, an_answer_that_never_ends_ends_at_the_deadline) {
  const OneAnswer server("");
  EXPECT_EQ(Client({"127.0.0.1", server.port()}).post("/x", "{}", milliseconds(50)).error().code(),
            Code::kDeadlineExceeded);
}

TEST(Client, cancel_ends_a_call_in_flight_and_later_ones) {
  const OneAnswer server("");
  Client client({"127.0.0.1", server.port()});
  auto call = std::async(std::launch::async, [&] { return client.get("/x", kTestDeadline); });
  client.cancel();
  ASSERT_EQ(call.wait_for(kTestDeadline / 2), std::future_status::ready);
  EXPECT_EQ(call.get().error().code(), Code::kFailedPrecondition);
  EXPECT_EQ(client.get("/x", kTestDeadline).error().code(), Code::kFailedPrecondition);
}

TEST(Client, answers_without_length_are_read_to_their_end) {
  const OneAnswer server("HTTP/1.1 200 OK\r\nContent-Type: a/b\r\n\r\nall of it");
  const auto response = get_from(server);
  ASSERT_TRUE(response.ok()) << response.error().message();
  EXPECT_EQ(response->body, "all of it");
  EXPECT_EQ(response->content_type, "a/b");
}

TEST(Client, too_large_answers_are_refused) {
  const OneAnswer server("HTTP/1.1 200 OK\r\n\r\n" + std::string(200'000, 'x'));
  EXPECT_EQ(get_from(server, 1'000).error().code(), Code::kResourceExhausted);
}

TEST(Client, an_absurd_length_is_refused_without_harm) {
  const OneAnswer server("HTTP/1.1 200 OK\r\nContent-Length: 99999999999999\r\n\r\nx");
  EXPECT_FALSE(get_from(server).ok());
}

TEST(Client, truncated_answers_are_unavailable) {
  const OneAnswer server("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nshort");
  EXPECT_EQ(get_from(server).error().code(), Code::kUnavailable);
}

TEST(Client, compressed_answers_are_not_expanded) {
  const OneAnswer server(
      "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 4\r\n\r\n\x1f\x8b\x08\x01");
  const auto response = get_from(server);
  ASSERT_TRUE(response.ok()) << response.error().message();
  EXPECT_EQ(response->body.size(), 4U);
}

TEST(Client, what_is_not_http_is_a_protocol_error) {
  for (const char* text : {"SSH-2.0-x\r\n\r\n", "HTTP/1.1 abc\r\n\r\n", "\r\n\r\n\r\n"}) {
    const OneAnswer server(text);
    const auto response = get_from(server);
    ASSERT_FALSE(response.ok()) << text;
    EXPECT_EQ(response.error().code(), Code::kProtocol) << text;
  }
}

TEST(ErrorOf, reads_back_what_error_response_wrote) {
  for (int code = 0; code <= static_cast<int>(Code::kInternal); ++code) {
    const Error error = error_of(error_response(Error(static_cast<Code>(code), "not \"here\"")));
    EXPECT_EQ(error.code(), static_cast<Code>(code));
    EXPECT_EQ(error.message(), "not \"here\"");
  }
}

TEST(ErrorOf, other_bodies_are_shown_shortened_with_the_statuss_code) {
  const Error page = error_of({503, "<html>" + std::string(1'000, 'x'), ""});
  EXPECT_EQ(page.code(), Code::kUnavailable);
  EXPECT_LT(page.message().size(), 250U);
  EXPECT_THAT(error_of({404, "{\"error\": 3}", ""}).message(), HasSubstr("{\"error\": 3}"));
  EXPECT_EQ(error_of({409, "{\"error\": \"x\", \"code\": \"zzz\"}", ""}).code(),
            Code::kFailedPrecondition);
}

TEST(StatusOf, every_code_has_an_error_status) {
  for (int code = 0; code <= static_cast<int>(Code::kInternal); ++code) {
    EXPECT_GE(status_of(static_cast<Code>(code)), 400);
  }
}

}  // namespace
}  // namespace pegaflow::http
