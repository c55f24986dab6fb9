#include "pegaflow-bench/sink_protocol.h"

#include <poll.h>

#include <algorithm>
#include <sstream>

namespace pegaflow::bench {

Status send(tools::Channel& channel, const SinkMessage& message) {
  return channel.send(message.word + ' ' + std::to_string(message.number) + ' ' + message.text);
}

Result<SinkMessage> receive(tools::Channel& channel, Nanos timeout) {
  const auto deadline = SteadyClock().now() + timeout;
  while (true) {
    PEGAFLOW_ASSIGN(const auto text, channel.receive());
    if (text) {
      SinkMessage message;
      std::istringstream in(*text);
      in >> message.word >> message.number;
      std::getline(in >> std::ws, message.text);
      if (message.word == "failed") return Error(Code::kUnavailable, "the sink: " + message.text);
      return message;
    }
    const auto left = deadline - SteadyClock().now();
    if (left <= Nanos(0)) return Error(Code::kDeadlineExceeded, "the other engine said nothing");
    pollfd fd{channel.fd(), POLLIN, 0};
    ::poll(&fd, 1, static_cast<int>(std::chrono::ceil<Millis>(left).count()));
  }
}

Result<std::uint64_t> expect(tools::Channel& channel, const std::string& word, Nanos timeout) {
  PEGAFLOW_ASSIGN(const auto message, receive(channel, timeout));
  if (message.word == word) return message.number;
  return Error(Code::kProtocol, "expected \"" + word + "\", got \"" + message.word + "\"");
}

}  // namespace pegaflow::bench
