#include "http/connection_queue.h"

namespace pegaflow::http {

std::optional<UniqueFd> ConnectionQueue::push(UniqueFd connection) {
  {
    const std::lock_guard lock(mutex_);
    if (closed_ || waiting_.size() >= capacity_) return connection;
    waiting_.push_back(std::move(connection));
  }
  ready_.notify_one();
  return std::nullopt;
}

std::optional<UniqueFd> ConnectionQueue::pop() {
  std::unique_lock lock(mutex_);
  ready_.wait(lock, [&] { return closed_ || !waiting_.empty(); });
  if (waiting_.empty()) return std::nullopt;
  UniqueFd connection = std::move(waiting_.front());
  waiting_.pop_front();
  return connection;
}

void ConnectionQueue::close() {
  {
    const std::lock_guard lock(mutex_);
    closed_ = true;
    waiting_.clear();
  }
  ready_.notify_all();
}

}  // namespace pegaflow::http
