#include "http/client.h"

#include <httplib.h>

#include "base/event_fd.h"
#include "http/connect.h"
#include "http/stream.h"

namespace pegaflow::http {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

constexpr std::size_t kHeaderBytes = 64 * 1024;  // room for an answer's headers

// Lends httplib's request writer and response parser to a stream of our own.
class Talker final : private httplib::ClientImpl {
 public:
  Talker(const std::string& host, std::uint16_t port) : ClientImpl(host, port) {
    set_decompress(false);
  }
  bool talk(httplib::Stream& stream, httplib::Request& request, httplib::Response& response) {
    httplib::Error error{};
    return process_request(stream, request, response, true, error);
  }
};

httplib::Request make_request(const char* method, std::string_view target, std::string_view json) {
  httplib::Request request;
  request.method = method;
  request.path = std::string(target);
  request.set_header("Accept", "application/json");
  if (!json.empty()) request.set_header("Content-Type", "application/json");
  request.body = std::string(json);
  return request;
}

}  // namespace

class Client::Impl {
 public:
  explicit Impl(ClientConfig config) : config_(std::move(config)), cancel_(EventFd::create()) {}

  Result<Response> call(const char* method, std::string_view target, std::string_view json,
                        milliseconds time) {
    auto response = attempt(method, target, json, time);
    if (response.ok()) return response;
    return response.error().within(std::string(method) + " http://" + config_.host + ':' +
                                   std::to_string(config_.port) + std::string(target));
  }

  void cancel() {
    if (cancel_.ok()) cancel_->signal();
  }

 private:
  Result<Response> attempt(const char* method, std::string_view target, std::string_view json,
                           milliseconds time) {
    if (!cancel_.ok()) return cancel_.error();
    const auto deadline = steady_clock::now() + time;
    if (wait_for(-1, 0, cancel_->fd(), steady_clock::now()) == StreamEnd::kCancelled) {
      return stream_error(StreamEnd::kCancelled);
    }
    PEGAFLOW_ASSIGN(UniqueFd socket,
                    connect_to(config_.host, config_.port, cancel_->fd(), deadline));
    SocketStream stream(std::move(socket), cancel_->fd());
    stream.read_until(deadline);
    stream.write_until(deadline);
    stream.read_at_most(config_.max_response_bytes + kHeaderBytes);
    return talk(stream, make_request(method, target, json));
  }

  Result<Response> talk(SocketStream& stream, httplib::Request request) {
    httplib::Response answer;
    try {
      const bool v6 = config_.host.find(':') != std::string::npos;
      Talker talker(v6 ? '[' + config_.host + ']' : config_.host, config_.port);
      if (!talker.talk(stream, request, answer)) return failure(stream);
    } catch (const std::exception& error) {
      return Error(Code::kProtocol, std::string("the answer can't be read: ") + error.what());
    }
    return Response{answer.status, std::move(answer.body), answer.get_header_value("Content-Type")};
  }

  static Error failure(const SocketStream& stream) {
    if (stream.end() != StreamEnd::kNone) return stream_error(stream.end());
    return {Code::kProtocol, "the answer isn't HTTP"};
  }

  const ClientConfig config_;
  const Result<EventFd> cancel_;  // readable for good once cancelled
};

Client::Client(ClientConfig config) : impl_(std::make_unique<Impl>(std::move(config))) {}

Client::~Client() = default;

Result<Response> Client::get(std::string_view target, milliseconds deadline) {
  return impl_->call("GET", target, "", deadline);
}

Result<Response> Client::put(std::string_view target, std::string_view json,
                             milliseconds deadline) {
  return impl_->call("PUT", target, json, deadline);
}

Result<Response> Client::post(std::string_view target, std::string_view json,
                              milliseconds deadline) {
  return impl_->call("POST", target, json, deadline);
}

Result<Response> Client::del(std::string_view target, milliseconds deadline) {
  return impl_->call("DELETE", target, "", deadline);
}

void Client::cancel() { impl_->cancel(); }

}  // namespace pegaflow::http
