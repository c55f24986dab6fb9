// What hostile or broken clients send: each gets an answer, and the server lives on.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "http/client.h"
#include "http/server.h"
#include "raw_socket.h"

namespace pegaflow::http {
namespace {

using std::chrono::milliseconds;
using testing::HasSubstr;
using testing::StartsWith;

class ServerLimits : public testing::Test {
 protected:
  void start(milliseconds read_deadline = kTestDeadline) {
    ServerConfig config;
    config.threads = 1;
    config.max_body_bytes = 1'000;
    config.max_header_bytes = 4'096;
    config.read_deadline = read_deadline;
    server_ = std::make_unique<Server>(config);
    server_->route("PUT", "/x", [](const Request& request) {
      return Response{200, std::to_string(request.body.size()), ""};
    });
    ASSERT_TRUE(server_->start().ok());
  }

  std::string say(std::string_view bytes) { return ask(server_->port(), bytes); }
  void TearDown() override {
    EXPECT_THAT(say("PUT /x HTTP/1.1\r\nContent-Length: 3\r\n\r\nabc"), HasSubstr("\r\n\r\n3"));
  }

  std::unique_ptr<Server> server_;
};

TEST_F(ServerLimits, announced_oversized_body_is_413) {
  start();
  const std::string answer = say("PUT /x HTTP/1.1\r\nContent-Length: 1001\r\n\r\n");
  EXPECT_THAT(answer, StartsWith("HTTP/1.1 413"));
  EXPECT_THAT(answer, HasSubstr("at most 1000 bytes, got 1001"));
  EXPECT_THAT(say("PUT /x HTTP/1.1\r\nContent-Length: -1\r\n\r\n"), StartsWith("HTTP/1.1 413"));
}

TEST_F(ServerLimits, sent_oversized_body_is_413) {
  start();
  Client client({"127.0.0.1", server_->port()});
  const auto response = client.put("/x", std::string(200'000, 'x'), kTestDeadline);
  ASSERT_TRUE(response.ok()) << response.error().message();
  EXPECT_EQ(response->status, 413);
}

TEST_F(ServerLimits, chunked_bodies_have_the_same_limit) {
  start();
  const std::string head = "PUT /x HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n";
  EXPECT_THAT(say(head + "3\r\nabc\r\n0\r\n\r\n"), HasSubstr("\r\n\r\n3"));
  EXPECT_THAT(say(head + "7d0\r\n" + std::string(2'000, 'x') + "\r\n0\r\n\r\n"),
              StartsWith("HTTP/1.1 413"));
  EXPECT_THAT(say(head + "fffffff\r\n" + std::string(100'000, 'x')), StartsWith("HTTP/1.1 413"));
}

TEST_F(ServerLimits, oversized_headers_are_431) {
  start();
  EXPECT_THAT(say("GET /x HTTP/1.1\r\nA: " + std::string(5'000, 'a') + "\r\n\r\n"),
              StartsWith("HTTP/1.1 431"));
  EXPECT_THAT(say(std::string(100'000, 'a')), StartsWith("HTTP/1.1 431"));
}

TEST_F(ServerLimits, long_targets_are_414) {
  start();
  EXPECT_THAT(say("GET /" + std::string(3'000, 'a') + " HTTP/1.1\r\n\r\n"),
              StartsWith("HTTP/1.1 414"));
}

TEST_F(ServerLimits, encodings_and_forms_are_415) {
  start();
  for (const std::string header : {"Content-Encoding: gzip", "Content-Encoding: br",
                                   "Content-Type: multipart/form-data; boundary=x",
                                   "Content-Type: application/x-www-form-urlencoded"}) {
    EXPECT_THAT(say("PUT /x HTTP/1.1\r\n" + header + "\r\nContent-Length: 2\r\n\r\nab"),
                StartsWith("HTTP/1.1 415"))
        << header;
  }
}

TEST_F(ServerLimits, garbage_is_400_in_json) {
  start();
  for (const std::string text :
       {"\r\n\r\n", "x\r\n\r\n", "GET\r\n\r\n", "GET /x\r\n\r\n", "FETCH /x HTTP/1.1\r\n\r\n",
        "GET /x HTTP/9.9\r\n\r\n", "PUT /% HTTP/1.1\r\n\r\n", "\x16\x03\x01\xff\r\n\r\n"}) {
    const std::string answer = say(text);
    EXPECT_THAT(answer, StartsWith("HTTP/1.1 400")) << text;
    EXPECT_THAT(answer, HasSubstr("\"error\":")) << text;
  }
}

TEST_F(ServerLimits, methods_without_meaning_are_refused) {
  start();
  EXPECT_THAT(say("TRACE /x HTTP/1.1\r\n\r\n"), StartsWith("HTTP/1.1 400"));
  EXPECT_THAT(say("PATCH /x HTTP/1.1\r\n\r\n"), StartsWith("HTTP/1.1 405"));
  EXPECT_THAT(say("OPTIONS * HTTP/1.1\r\n\r\n"), StartsWith("HTTP/1.1 400"));
}

TEST_F(ServerLimits, headers_that_never_end_are_408) {
  start(milliseconds(100));
  const UniqueFd socket = dial(server_->port());
  send_all(socket.get(), "GET /x HTTP/1.1\r\nA: b\r\n");
  EXPECT_THAT(receive_all(socket.get()), StartsWith("HTTP/1.1 408"));
}

TEST_F(ServerLimits, bodies_that_never_end_are_408) {
  start(milliseconds(100));
  EXPECT_THAT(say("PUT /x HTTP/1.1\r\nContent-Length: 10\r\n\r\nabc"), StartsWith("HTTP/1.1 408"));
}

TEST_F(ServerLimits, a_client_that_drips_bytes_is_cut_off) {
  start(milliseconds(100));
  const UniqueFd socket = dial(server_->port());
  send_all(socket.get(), "PUT /x HTTP/1.1\r\nContent-Length: 900\r\n\r\n");
  // One byte whenever the server might be waiting for one, until it has had enough.
  const auto give_up = std::chrono::steady_clock::now() + kTestDeadline;
  bool closed = false;
  while (!closed && std::chrono::steady_clock::now() < give_up) closed = !drip(socket.get());
  EXPECT_TRUE(closed);
}

TEST_F(ServerLimits, truncated_requests_do_no_harm) {
  start();
  {
    const UniqueFd socket = dial(server_->port());
    send_all(socket.get(), "PUT /x HTTP/1.1\r\nContent-Length: 10\r\n\r\nab");
  }
  {
    const UniqueFd socket = dial(server_->port());
  }
}

}  // namespace
}  // namespace pegaflow::http
