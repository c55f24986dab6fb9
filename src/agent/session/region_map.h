// RegionMap: which regions one client has mapped, under which numbers. A number is given again only
// after the client has said UNMAPPED.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <vector>

#include "base/strong_id.h"
#include "pegaflow/result.h"

namespace pegaflow::agent {

// Whose region: the agent's own, or the peer's at the other end of a link.
struct MappedTo {
  std::optional<LinkId> link;  // none: own
  std::uint16_t index = 0;
  bool operator==(const MappedTo&) const = default;
};

class RegionMap {
 public:
  static constexpr std::size_t kMaxRegions = 1024;  // mapped or being unmapped, per client

  // kResourceExhausted: kMaxRegions, many of which the client has not unmapped yet.
  Result<RegionId> add(const MappedTo& to);
  std::optional<RegionId> find(const MappedTo& to) const;
  // Marks the link's regions as going; returns their numbers: those to UNMAP.
  std::vector<RegionId> unmap(LinkId link);
  // kProtocol: that region was not being unmapped.
  Status unmapped(RegionId region);

 private:
  struct Entry {
    MappedTo to;
    bool going = false;
  };
  std::map<RegionId, Entry> entries_;
};

}  // namespace pegaflow::agent
