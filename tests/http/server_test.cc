#include "http/server.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <condition_variable>
#include <future>
#include <mutex>
#include <stdexcept>

#include "http/client.h"
#include "raw_socket.h"

namespace pegaflow::http {
namespace {

using std::chrono::milliseconds;
using testing::HasSubstr;
using testing::StartsWith;

ServerConfig small_config() {
  ServerConfig config;
  config.threads = 2;
  config.max_queued_connections = 4;
  config.max_body_bytes = 1'000;
  return config;
}

class ServerTest : public testing::Test {
 protected:
  void SetUp() override {
    server_.route("GET", "/v1/things/{name}", [](const Request& request) {
      return Response{200,
                      request.parameter("name") + '|' + request.query_value("q").value_or("none") +
                          '|' + request.peer,
                      std::string(kPlainText)};
    });
    server_.route("PUT", "/v1/things/{name}",
                  [](const Request& request) { return Response{201, request.body, "a/b"}; });
    server_.route("POST", "/throw",
                  [](const Request&) -> Response { throw std::runtime_error("handler's own"); });
    server_.observe([this](const Answered& answered) {
      const std::lock_guard lock(mutex_);
      seen_ += std::string(answered.method) + ' ' + std::string(answered.pattern) + ' ' +
               std::to_string(answered.status) + ';';
      changed_.notify_all();
    });
    ASSERT_TRUE(server_.start().ok());
    client_ = std::make_unique<Client>(ClientConfig{"127.0.0.1", server_.port()});
  }

  // The observer runs after the answer is out: wait until it saw `part`.
  void expect_seen(const std::string& part) {
    std::unique_lock lock(mutex_);
    EXPECT_TRUE(changed_.wait_for(lock, kTestDeadline, [&] {
      return seen_.find(part) != std::string::npos;
    })) << seen_;
  }

  std::mutex mutex_;
  std::condition_variable changed_;
  std::string seen_;  // guarded by mutex_
  Server server_{small_config()};
  std::unique_ptr<Client> client_;
};

TEST_F(ServerTest, parameters_and_query_reach_the_handler) {
  const auto response = client_->get("/v1/things/a%2Fb?q=x%20y", kTestDeadline);
  ASSERT_TRUE(response.ok()) << response.error().message();
  EXPECT_EQ(response->status, 200);
  EXPECT_THAT(response->body, StartsWith("a/b|x y|127.0.0.1:"));
  EXPECT_EQ(response->content_type, kPlainText);
  expect_seen("GET /v1/things/{name} 200;");
}

TEST_F(ServerTest, bodies_travel_both_ways) {
  const std::string body(1'000, 'z');
  const auto response = client_->put("/v1/things/a", body, kTestDeadline);
  ASSERT_TRUE(response.ok()) << response.error().message();
  EXPECT_EQ(response->status, 201);
  EXPECT_EQ(response->body, body);
}

TEST_F(ServerTest, unknown_paths_are_404_in_json) {
  const auto response = client_->get("/v1/nothing", kTestDeadline).value();
  EXPECT_EQ(response.status, 404);
  EXPECT_EQ(response.content_type, "application/json");
  EXPECT_THAT(error_of(response).message(), HasSubstr("/v1/nothing"));
  expect_seen("GET  404;");
}

TEST_F(ServerTest, other_methods_are_405_with_the_allowed_ones) {
  const auto response = client_->del("/v1/things/a", kTestDeadline).value();
  EXPECT_EQ(response.status, 405);
  EXPECT_THAT(error_of(response).message(), HasSubstr("GET, PUT"));
  EXPECT_THAT(ask(server_.port(), "DELETE /v1/things/a HTTP/1.1\r\n\r\n"),
              HasSubstr("Allow: GET, PUT"));
}

TEST_F(ServerTest, exceptions_of_handlers_become_500) {
  const auto response = client_->post("/throw", "{}", kTestDeadline).value();
  EXPECT_EQ(response.status, 500);
  EXPECT_THAT(error_of(response).message(), HasSubstr("handler's own"));
  EXPECT_EQ(client_->get("/v1/things/a", kTestDeadline)->status, 200);
}

TEST_F(ServerTest, head_has_no_body) {
  const std::string answer = ask(server_.port(), "HEAD /v1/things/a HTTP/1.1\r\n\r\n");
  EXPECT_THAT(answer, StartsWith("HTTP/1.1 200"));
  EXPECT_THAT(answer, testing::EndsWith("\r\n\r\n"));
}

TEST_F(ServerTest, ranges_are_ignored) {
  EXPECT_THAT(
      ask(server_.port(), "GET /v1/things/abc HTTP/1.1\r\nRange: bytes=0-0,0-0,0-0\r\n\r\n"),
      StartsWith("HTTP/1.1 200"));
}

TEST_F(ServerTest, port_in_use_is_reported) {
  auto config = small_config();
  config.port = server_.port();
  Server second(config);
  const auto status = second.start();
  ASSERT_FALSE(status.ok());
  EXPECT_EQ(status.error().code(), Code::kAlreadyExists);
  EXPECT_THAT(status.error().message(), HasSubstr(std::to_string(server_.port())));
}

TEST_F(ServerTest, stopping_twice_is_fine_and_later_calls_fail) {
  server_.stop();
  server_.stop();
  EXPECT_EQ(client_->get("/v1/things/a", kTestDeadline).error().code(), Code::kUnavailable);
}

TEST(ServerAddress, names_are_refused) {
  ServerConfig config;
  config.address = "localhost";
  EXPECT_EQ(Server(config).start().error().code(), Code::kInvalidArgument);
}

// A server whose one handler waits until the test lets it go.
class BusyServer : public testing::Test {
 protected:
  void SetUp() override {
    auto config = small_config();
    config.threads = 1;
    config.max_queued_connections = 1;
    server_ = std::make_unique<Server>(config);
    server_->route("GET", "/wait", [this](const Request&) {
      entered_.set_value();
      go_future_.wait_for(kTestDeadline);
      return Response{200, "waited", ""};
    });
    ASSERT_TRUE(server_->start().ok());
    waiting_ = std::async(std::launch::async, [this] {
      return Client({"127.0.0.1", server_->port()}).get("/wait", kTestDeadline);
    });
    ASSERT_EQ(entered_.get_future().wait_for(kTestDeadline), std::future_status::ready);
  }

  std::promise<void> entered_, go_;
  std::shared_future<void> go_future_ = go_.get_future().share();
  std::unique_ptr<Server> server_;
  std::future<Result<Response>> waiting_;
};

TEST_F(BusyServer, connections_beyond_the_queue_are_503) {
  const UniqueFd queued = dial(server_->port());
  const UniqueFd refused = dial(server_->port());
  const std::string answer = receive_all(refused.get());
  EXPECT_THAT(answer, StartsWith("HTTP/1.1 503"));
  EXPECT_THAT(answer, HasSubstr("busy"));
  go_.set_value();
  EXPECT_EQ(waiting_.get()->body, "waited");
}

TEST_F(BusyServer, stopping_lets_a_running_handler_answer) {
  auto stopped = std::async(std::launch::async, [this] { server_->stop(); });
  go_.set_value();
  const auto response = waiting_.get();
  ASSERT_TRUE(response.ok()) << response.error().message();
  EXPECT_EQ(response->body, "waited");
  EXPECT_EQ(stopped.wait_for(kTestDeadline), std::future_status::ready);
}

TEST(ServerStop, cuts_connections_that_say_nothing) {
  Server server(small_config());
  ASSERT_TRUE(server.start().ok());
  const UniqueFd silent = dial(server.port());
  const UniqueFd half = dial(server.port());
  send_all(half.get(), "GET / HT");
  server.stop();
  EXPECT_EQ(receive_all(silent.get()), "");
  EXPECT_EQ(receive_all(half.get()), "");
}

}  // namespace
}  // namespace pegaflow::http
