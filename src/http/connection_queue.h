// Accepted connections on their way to a free thread; bounded.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <deque>
#include <mutex>
#include <optional>

#include "base/unique_fd.h"

namespace pegaflow::http {

// Thread safe.
class ConnectionQueue {
 public:
  explicit ConnectionQueue(std::size_t capacity) : capacity_(capacity) {}

  // Gives the connection back when full or closed.
  std::optional<UniqueFd> push(UniqueFd connection);
  // Waits for one; nothing: closed.
  std::optional<UniqueFd> pop();
  // Drops what waits and ends every pop().
  void close();

 private:
  const std::size_t capacity_;
  std::mutex mutex_;
  std::condition_variable ready_;
  // Guarded by mutex_:
  std::deque<UniqueFd> waiting_;
  bool closed_ = false;
};

}  // namespace pegaflow::http
