#include "support/channel.h"

namespace pegaflow::tools {

Status Channel::send(std::string text) {
  if (waiting_.size() >= kMaxWaiting) {
    return Error(Code::kResourceExhausted, "the other side does not read its messages");
  }
  waiting_.push_back(std::move(text));
  return flush();
}

Status Channel::flush() {
  while (!waiting_.empty()) {
    auto sent = socket_.send(waiting_.front());
    if (!sent.ok() && sent.error().code() == Code::kResourceExhausted) return {};  // full for now
    if (!sent.ok()) return sent;
    waiting_.pop_front();
  }
  return {};
}

Result<std::optional<std::string>> Channel::receive() {
  PEGAFLOW_ASSIGN(auto packet, socket_.receive());
  if (!packet) return std::optional<std::string>();
  return std::optional(std::move(packet->text));
}

}  // namespace pegaflow::tools
