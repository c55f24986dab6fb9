// BellWatch: hears the bell of the region whose slots the mover looks at (docs/formats/slot.md).
#pragma once

#include <cstdint>
#include <optional>

#include "base/event_fd.h"
#include "base/strong_id.h"
#include "base/unique_fd.h"

namespace pegaflow::client {

// Several listeners share a bell and nobody takes its signal from the others: each hears every ring
// once. One thread at a time.
class BellWatch {
 public:
  // Without descriptors to spare it hears nothing, which costs time only.
  BellWatch();
  // From now on this bell instead of another region's. It may be heard once without being rung.
  void listen(RegionId region, const EventFd& bell);
  // Readable after a ring, until take().
  int fd() const { return epoll_.get(); }
  // Was it rung since?
  bool take();

 private:
  UniqueFd epoll_;
  UniqueFd bell_;  // our own descriptor: the region may be unmapped meanwhile
  std::optional<RegionId> region_;
};

}  // namespace pegaflow::client
