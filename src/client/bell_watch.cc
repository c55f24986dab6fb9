#include "client/bell_watch.h"

#include <sys/epoll.h>

#include <utility>

namespace pegaflow::client {

BellWatch::BellWatch() : epoll_(::epoll_create1(EPOLL_CLOEXEC)) {}

void BellWatch::listen(RegionId region, const EventFd& bell) {
  if (region_ == region) return;
  region_ = region;
  // Others have the bell open, so closing it would not end the watch.
  if (bell_.valid()) ::epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, bell_.get(), nullptr);
  bell_.reset();
  auto copy = bell.duplicate();
  if (!copy.ok()) return;
  bell_ = std::move(copy).value();
  epoll_event event{};
  event.events = EPOLLIN | EPOLLET;
  ::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, bell_.get(), &event);
}

bool BellWatch::take() {
  epoll_event event{};
  return ::epoll_wait(epoll_.get(), &event, 1, 0) == 1;
}

}  // namespace pegaflow::client
