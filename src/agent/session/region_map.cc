#include "agent/session/region_map.h"

#include <string>

namespace pegaflow::agent {

Result<RegionId> RegionMap::add(const MappedTo& to) {
  if (entries_.size() >= kMaxRegions) {
    return Error(Code::kResourceExhausted,
                 std::to_string(kMaxRegions) + " regions are mapped, or being unmapped, already");
  }
  RegionId id{1};
  while (entries_.contains(id)) ++id.value;
  entries_.emplace(id, Entry{to});
  return id;
}

std::optional<RegionId> RegionMap::find(const MappedTo& to) const {
  for (const auto& [id, entry] : entries_) {
    if (!entry.going && entry.to == to) return id;
  }
  return std::nullopt;
}

std::vector<RegionId> RegionMap::unmap(LinkId link) {
  std::vector<RegionId> ids;
  for (auto& [id, entry] : entries_) {
    if (entry.going || entry.to.link != link) continue;
    entry.going = true;
    ids.push_back(id);
  }
  return ids;
}

Status RegionMap::unmapped(RegionId region) {
  const auto found = entries_.find(region);
  if (found == entries_.end() || !found->second.going) {
    return Error(Code::kProtocol, "UNMAPPED names region " + std::to_string(region.value) +
                                      ", which nobody asked to unmap");
  }
  entries_.erase(found);
  return {};
}

}  // namespace pegaflow::agent
