// A region as another process sees it, mapped a second time in this one.
#pragma once

#include <unistd.h>

#include <utility>
#include <vector>

#include "base/check.h"
#include "memory/region.h"

namespace pegaflow::testing {

inline memory::MappedRegion mapped_copy_of(const memory::Region& region) {
  std::vector<UniqueFd> fds;
  for (const int fd : region.fds()) {
    const int copy = ::dup(fd);
    PEGAFLOW_CHECK(copy >= 0);
    fds.emplace_back(copy);
  }
  auto mapped = memory::MappedRegion::map(region.shape(), std::move(fds));
  PEGAFLOW_CHECK(mapped.ok());
  return std::move(*mapped);
}

}  // namespace pegaflow::testing
