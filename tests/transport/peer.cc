#include "peer.h"

#include <poll.h>

#include <array>
#include <optional>

#include "base/bytes.h"
#include "base/check.h"

namespace pegaflow::transport::testing {
namespace {

struct Request {
  Command command{};
  std::uint64_t a = 0;
  std::uint64_t b = 0;
  std::uint64_t c = 0;
  Blob blob;
};

std::string encode(const Request& request) {
  std::string text(4 + 3 * 8 + request.blob.size(), '\0');
  ByteWriter writer(std::as_writable_bytes(std::span(text)));
  writer.put(static_cast<std::uint32_t>(request.command));
  writer.put(request.a);
  writer.put(request.b);
  writer.put(request.c);
  writer.put_bytes(request.blob);
  return text;
}

Request decode_request(std::string_view text) {
  ByteReader reader(std::as_bytes(std::span(text)));
  Request request;
  request.command = static_cast<Command>(reader.get<std::uint32_t>());
  request.a = reader.get<std::uint64_t>();
  request.b = reader.get<std::uint64_t>();
  request.c = reader.get<std::uint64_t>();
  const auto blob = reader.get_bytes(reader.left());
  request.blob.assign(blob.begin(), blob.end());
  PEGAFLOW_CHECK(reader.finished());
  return request;
}

std::string encode(const Answer& answer) {
  std::string text(1 + 255 + 8 + answer.blob.size(), '\0');
  ByteWriter writer(std::as_writable_bytes(std::span(text)));
  writer.put_short_string(std::string_view(answer.error).substr(0, 255));
  writer.put(answer.value);
  writer.put_bytes(answer.blob);
  text.resize(writer.size());
  return text;
}

Answer decode_answer(std::string_view text) {
  ByteReader reader(std::as_bytes(std::span(text)));
  Answer answer;
  answer.error = reader.get_short_string();
  answer.value = reader.get<std::uint64_t>();
  const auto blob = reader.get_bytes(reader.left());
  answer.blob.assign(blob.begin(), blob.end());
  PEGAFLOW_CHECK(reader.finished());
  return answer;
}

Answer failed(std::string what) { return {.error = std::move(what), .value = 0, .blob = {}}; }

Answer from(const Status& status) {
  return status.ok() ? Answer() : failed(status.error().message());
}

// The peer's own state beside its Side.
class Servant {
 public:
  Servant(SeqpacketSocket control, std::unique_ptr<Context> context, const MakeArea& make_area)
      : control_(std::move(control)), side_(std::move(context), make_area) {}

  void serve() {
    bool exit = false;
    while (!exit) {
      std::optional<Request> request = next_request();
      if (!request) return;
      exit = request->command == Command::kExit;
      const auto answer = execute(*request);
      PEGAFLOW_CHECK(control_.send(encode(answer)).ok() || exit);
    }
  }

 private:
  // Nothing: the test is gone.
  std::optional<Request> next_request() {
    std::optional<Request> request;
    bool gone = false;
    const auto arrived = [&] {
      keep_putting();
      const auto packet = control_.receive();
      gone = !packet.ok();
      if (!gone && *packet) request = decode_request((*packet)->text);
      return gone || request;
    };
    while (!gone && !request) {
      if (asleep_) {
        wait_without_progress();
        arrived();
      } else {
        side_.run_until(arrived, control_.fd());
      }
    }
    return request;
  }

  void wait_without_progress() const;
  void keep_putting();
  Answer execute(const Request& request);
  Answer execute_transfer(const Request& request);
  Answer make_worker();
  Answer target_key();
  Answer send(std::uint64_t count);
  Answer flush();
  Answer put_flush(const Request& request);
  Answer put_flush_send(const Request& request);

  SeqpacketSocket control_;
  Side side_;
  bool asleep_ = false;
  std::size_t putting_ = 0;  // bytes of each of the puts that never end
  std::uint64_t puts_tried_ = 0;
  std::uint64_t next_token_ = 0;
};

void Servant::wait_without_progress() const {
  pollfd fd = {.fd = control_.fd(), .events = POLLIN, .revents = 0};
  poll(&fd, 1, 1000);
}

void Servant::keep_putting() {
  if (putting_ == 0 || puts_tried_ == ~std::uint64_t{0}) return;
  const auto status =
      side_.worker()->put(side_.source().first(putting_), side_.source_memory(), side_.remote(), 0);
  if (status.ok()) {
    ++puts_tried_;
  } else if (status.error().code() != Code::kResourceExhausted) {
    puts_tried_ = ~std::uint64_t{0};
  }
}

Answer Servant::execute(const Request& request) {
  switch (request.command) {
    case Command::kMakeWorker:
      return make_worker();
    case Command::kTargetKey:
      return target_key();
    case Command::kConnect:
      return from(side_.worker()->connect(request.blob));
    case Command::kUnpack:
      return from(side_.unpack(request.blob));
    case Command::kSleep:
      asleep_ = true;
      return {};
    case Command::kWakeUp:
      asleep_ = false;
      return {};
    case Command::kEcho:
      side_.echo = request.a != 0;
      return {};
    case Command::kDestroyWorker:
      side_.destroy_worker();
      return {};
    case Command::kExit:
      return {};
    default:
      return execute_transfer(request);
  }
}

Answer Servant::execute_transfer(const Request& request) {
  switch (request.command) {
    case Command::kSend:
      return send(request.a);
    case Command::kFlush:
      return flush();
    case Command::kPutFlush:
      return put_flush(request);
    case Command::kPutFlushSend:
      return put_flush_send(request);
    case Command::kHasPattern: {
      const bool has = side_.target_has(request.a, request.b, request.c);
      return {.error = {}, .value = has ? 1U : 0U, .blob = {}};
    }
    case Command::kAwaitMessages: {
      const bool all = side_.run_until([&] { return side_.record().received >= request.a; });
      if (!all) return failed("received " + std::to_string(side_.record().received));
      return {.error = {}, .value = side_.record().corrupt, .blob = {}};
    }
    case Command::kAwaitBroken:
      return side_.run_until([&] { return side_.record().broken > 0; }) ? Answer()
                                                                        : failed("not broken");
    case Command::kPutForever:
      putting_ = request.a;
      puts_tried_ = 0;
      side_.fill_source(77, kMemoryBytes);
      return {};
    case Command::kPutsTried:
      return {.error = {}, .value = puts_tried_, .blob = {}};
    default:
      return failed("unknown command");
  }
}

Answer Servant::make_worker() {
  next_token_ = 0;
  putting_ = 0;
  const auto made = side_.make_worker();
  if (!made.ok()) return from(made);
  return {.error = {}, .value = 0, .blob = side_.worker()->address()};
}

Answer Servant::target_key() {
  const auto registered = side_.register_target();
  if (!registered.ok()) return from(registered);
  return {.error = {}, .value = 0, .blob = side_.target_memory().remote_key()};
}

Answer Servant::send(std::uint64_t count) {
  std::uint64_t sent = 0;
  Status status;
  const bool all = side_.run_until([&] {
    while (sent < count && status.ok()) {
      status = side_.send_next();
      if (status.ok()) ++sent;
    }
    if (!status.ok() && status.error().code() == Code::kResourceExhausted) status = {};
    return sent == count || !status.ok();
  });
  if (!status.ok()) return from(status);
  return all ? Answer() : failed("sent only " + std::to_string(sent));
}

Answer Servant::flush() {
  const auto flush = side_.flush(next_token_++);
  if (!flush.ok()) return from(flush);
  if (!side_.run_until([&] { return side_.flushed() == next_token_; })) return failed("no flush");
  return {.error = {}, .value = side_.record().flushed_failed == 0 ? 1U : 0U, .blob = {}};
}

Answer Servant::put_flush(const Request& request) {
  const auto put = side_.put_pattern(request.a, request.b, request.c);
  return put.ok() ? flush() : from(put);
}

Answer Servant::put_flush_send(const Request& request) {
  side_.send_on_flush = true;
  const auto put = side_.put_pattern(request.a, request.b, request.c);
  return put.ok() ? from(side_.flush(next_token_++)) : from(put);
}

}  // namespace

void serve_peer(SeqpacketSocket control, std::unique_ptr<Context> context,
                const MakeArea& make_area) {
  Servant(std::move(control), std::move(context), make_area).serve();
}

Answer Peer::call(Side& side, Command command, std::uint64_t a, std::uint64_t b, std::uint64_t c,
                  const Blob& blob) {
  ask(command, a, b, c, blob);
  return await_answer(side);
}

void Peer::ask(Command command, std::uint64_t a, std::uint64_t b, std::uint64_t c,
               const Blob& blob) {
  const Request request{.command = command, .a = a, .b = b, .c = c, .blob = blob};
  PEGAFLOW_CHECK(control_.send(encode(request)).ok());
}

Answer Peer::await_answer(Side& side) {
  Answer answer = failed("the peer did not answer in time");
  side.run_until(
      [&] {
        const auto packet = control_.receive();
        if (!packet.ok()) answer = failed("the peer is gone");
        if (packet.ok() && *packet) answer = decode_answer((*packet)->text);
        return !packet.ok() || packet->has_value();
      },
      control_.fd());
  return answer;
}

void Peer::say_goodbye() {
  const auto sent = control_.send(encode(Request{.command = Command::kExit, .blob = {}}));
  static_cast<void>(sent);  // it may be dead already
}

}  // namespace pegaflow::transport::testing
