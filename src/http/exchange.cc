#include "http/exchange.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <array>

#include "http/url.h"

namespace pegaflow::http {
namespace {

using std::chrono::steady_clock;

constexpr std::size_t kMaxTargetBytes = 2'048;
constexpr std::size_t kChunkingSlack = 64 * 1024;  // framing of a chunked body
constexpr std::chrono::milliseconds kLinger{1'000};

std::string_view reason_of(int status) {
  switch (status) {
    case 408:
      return "Request Timeout";
    case 431:
      return "Request Header Fields Too Large";
    case 503:
      return "Service Unavailable";
    default:
      return "Error";
  }
}

// A whole response as bytes, for connections that never got to the parser.
std::string raw_error(int status, std::string_view message) {
  const Response response = error_response(status, message);
  std::string text = "HTTP/1.1 " + std::to_string(status) + ' ';
  text += reason_of(status);
  text += "\r\nContent-Type: application/json\r\nConnection: close\r\nContent-Length: ";
  text += std::to_string(response.body.size()) + "\r\n\r\n" + response.body;
  return text;
}

void set(httplib::Response& out, const Response& response) {
  out.status = response.status;
  out.set_content(response.body, response.content_type);
}

// What was wrong when httplib itself gave up.
std::string_view message_of(int status) {
  switch (status) {
    case 400:
      return "not a valid HTTP request";
    case 404:
      return "no such path";
    case 413:
      return "the body is too large";
    case 414:
      return "the target is too long";
    default:
      return "the request could not be answered";
  }
}

// Right after the headers are read. A request without a length has no body (httplib would read
// until the connection closes), and ranges of control documents make no sense.
void adjust(httplib::Request& request) {
  request.ranges.clear();
  const bool chunked = request.get_header_value("Transfer-Encoding") == "chunked";
  if (!chunked && !request.has_header("Content-Length")) request.set_header("Content-Length", "0");
}

// The request's reason to be refused before its body is read; status 0: none.
Response refusal(const httplib::Request& request, std::size_t max_body_bytes) {
  if (request.target.size() > kMaxTargetBytes) {
    return error_response(414,
                          "the target has more than " + std::to_string(kMaxTargetBytes) + " bytes");
  }
  // Compressed bodies could grow beyond every limit; forms would be parsed by httplib.
  const std::string encoding = request.get_header_value("Content-Encoding");
  if (!encoding.empty() && encoding != "identity") {
    return error_response(415, "expected no Content-Encoding, got \"" + encoding + '"');
  }
  const std::string type = request.get_header_value("Content-Type");
  if (type.starts_with("multipart/") || type.starts_with("application/x-www-form-urlencoded")) {
    return error_response(415, "expected application/json, got \"" + type + '"');
  }
  const auto length = request.get_header_value<std::uint64_t>("Content-Length");
  if (length > max_body_bytes) {
    return error_response(413, "expected a body of at most " + std::to_string(max_body_bytes) +
                                   " bytes, got " + std::to_string(length));
  }
  return {0, "", ""};
}

}  // namespace

Exchange::Exchange(const ServerConfig& config, const Router& router, const Observer& observer,
                   int cancel)
    : config_(config), router_(router), observer_(observer), cancel_(cancel) {
  set_payload_max_length(config.max_body_bytes);
  register_handlers();
}

void Exchange::register_handlers() {
  const Handler every = [this](const httplib::Request& request, httplib::Response& response) {
    answer(request, response);
  };
  // The pattern sees targets of at most kMaxTargetBytes; routing proper is Router's.
  const std::string any = ".*";
  Get(any, every).Post(any, every).Put(any, every).Delete(any, every).Patch(any, every);
  Options(any, every);
  set_pre_routing_handler([this](const httplib::Request& request, httplib::Response& response) {
    return screen(request, response);
  });
  set_error_handler(Handler(
      [this](const httplib::Request&, httplib::Response& response) { fill_error(response); }));
  set_logger([this](const httplib::Request& request, const httplib::Response& response) {
    report(request.method, response.status);
  });
}

httplib::Server::HandlerResponse Exchange::screen(const httplib::Request& request,
                                                  httplib::Response& response) {
  const Response refused = refusal(request, config_.max_body_bytes);
  if (refused.status == 0) return HandlerResponse::Unhandled;
  set(response, refused);
  return HandlerResponse::Handled;
}

void Exchange::answer(const httplib::Request& request, httplib::Response& response) {
  request_read_ = true;
  try {
    set(response, dispatch(request, response));
  } catch (const std::exception& error) {
    set(response, error_response(500, std::string("internal error: ") + error.what()));
  } catch (...) {
    set(response, error_response(500, "internal error"));
  }
  stream_->write_until(steady_clock::now() + config_.write_deadline);
}

void Exchange::report(std::string_view method, int status) {
  if (observer_) observer_({method, pattern_, status, steady_clock::now() - start_});
}

Response Exchange::dispatch(const httplib::Request& request, httplib::Response& response) {
  if (request.body.size() > config_.max_body_bytes) {  // chunked: no length was announced
    return error_response(
        413, "expected a body of at most " + std::to_string(config_.max_body_bytes) + " bytes");
  }
  auto target = parse_target(request.target);
  if (!target.ok()) return error_response(target.error());
  auto match = router_.find(request.method, target->segments);
  if (match.route == nullptr) {
    if (match.allowed.empty()) return error_response(404, "no such path: " + request.path);
    response.set_header("Allow", match.allowed);
    return error_response(405, "expected " + match.allowed + ", got " + request.method);
  }
  pattern_ = match.route->pattern;
  return match.route->handler({request.method, request.path, std::move(match.parameters),
                               std::move(target->query), request.body,
                               request.remote_addr + ':' + std::to_string(request.remote_port)});
}

void Exchange::fill_error(httplib::Response& response) {
  if (!response.body.empty()) return;
  if (stream_->end() == StreamEnd::kTooLarge) response.status = 413;
  if (stream_->end() == StreamEnd::kTimeout) response.status = 408;
  set(response, error_response(response.status, stream_->end() == StreamEnd::kTimeout
                                                    ? "the request took too long to arrive"
                                                    : message_of(response.status)));
}

void Exchange::answer_unread(SocketStream& stream, StreamEnd end) {
  if (end != StreamEnd::kTimeout && end != StreamEnd::kTooLarge) return;
  const int status = end == StreamEnd::kTimeout ? 408 : 431;
  const std::string text =
      end == StreamEnd::kTimeout
          ? raw_error(status, "the request took too long to arrive")
          : raw_error(status, "expected headers of at most " +
                                  std::to_string(config_.max_header_bytes) + " bytes");
  for (std::size_t sent = 0; sent < text.size();) {
    const ssize_t n = stream.write(text.data() + sent, text.size() - sent);
    if (n < 0) return;
    sent += static_cast<std::size_t>(n);
  }
  report("", status);
  stream.finish(steady_clock::now() + kLinger);
}

void Exchange::process(SocketStream& stream) {
  stream.read_until(start_ + config_.read_deadline);
  stream.write_until(start_ + config_.read_deadline + config_.write_deadline);
  stream.read_at_most(config_.max_header_bytes + config_.max_body_bytes + kChunkingSlack);
  const StreamEnd end = stream.fill_headers(config_.max_header_bytes);
  if (end != StreamEnd::kNone) {
    answer_unread(stream, end);
    return;
  }
  bool closed = false;
  process_request(stream, true, closed, adjust);
  if (!request_read_) stream.finish(steady_clock::now() + kLinger);
}

void Exchange::run(UniqueFd connection) {
  SocketStream stream(std::move(connection), cancel_);
  stream_ = &stream;
  request_read_ = false;
  pattern_ = {};
  start_ = steady_clock::now();
  try {
    process(stream);
  } catch (...) {
    // httplib threw (memory is short): the connection closes, nothing else is known to be wrong.
    request_read_ = false;
  }
  stream_ = nullptr;
}

void Exchange::refuse(UniqueFd connection) {
  const std::string text = raw_error(503, "all of the server's threads are busy; try again");
  if (::send(connection.get(), text.data(), text.size(), MSG_NOSIGNAL | MSG_DONTWAIT) > 0) {
    ::shutdown(connection.get(), SHUT_WR);
  }
}

}  // namespace pegaflow::http
