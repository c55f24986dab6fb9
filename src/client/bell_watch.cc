#include "client/bell_watch.h"

#include <fcntl.h>
#include <sys/epoll.h>

namespace pegaflow::client {

BellWatch::BellWatch() : epoll_(::epoll_create1(EPOLL_CLOEXEC)) {}

void BellWatch::listen(RegionId region, const EventFd& bell) {
  if (region_ == region || !epoll_.valid()) return;
  // Others have the bell open, so closing it would not end the watch.
  if (bell_.valid()) ::epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, bell_.get(), nullptr);
  region_ = region;
  bell_ = UniqueFd(::fcntl(bell.fd(), F_DUPFD_CLOEXEC, 0));
  epoll_event event{};
  event.events = EPOLLIN | EPOLLET;
  if (bell_.valid()) ::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, bell_.get(), &event);
}

bool BellWatch::take() {
  epoll_event event{};
  return epoll_.valid() && ::epoll_wait(epoll_.get(), &event, 1, 0) == 1;
}

}  // namespace pegaflow::client
