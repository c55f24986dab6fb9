#include "agent/link/handshake.h"

#include <algorithm>
#include <fstream>

namespace pegaflow::agent {
namespace {

std::string versions(std::uint64_t min, std::uint64_t max) {
  return std::to_string(min) + " to " + std::to_string(max);
}

Status check_names(const wire::Link& link, const LinkTerms& terms) {
  if (link.from == terms.to && link.to == terms.from) return {};
  return Error(Code::kInvalidArgument, "LINK is from " + link.from + " to " + link.to +
                                           ", expected from " + terms.to + " to " + terms.from);
}

Status check_versions(const wire::Link& link) {
  if (link.version_min <= wire::kControlVersion && link.version_max >= wire::kControlVersion) {
    return {};
  }
  return Error(Code::kUnsupported, "control versions: P speaks " +
                                       std::to_string(wire::kControlVersion) + ", D speaks " +
                                       versions(link.version_min, link.version_max));
}

Status check_place(const wire::Link& link, const LinkTerms& terms, const LinkIdentity& own) {
  if (link.topology_hash != own.topology_hash) {
    return Error(Code::kFailedPrecondition, "topology files differ: P's hash is " +
                                                own.topology_hash + ", D's " + link.topology_hash);
  }
  if (link.mapped != terms.mapped) {
    return Error(Code::kFailedPrecondition, std::string("P holds the link for ") +
                                                (terms.mapped ? "" : "not ") + "mapped, D for " +
                                                (link.mapped ? "" : "not ") + "mapped");
  }
  if (link.mapped && link.boot_id != own.boot_id) {
    return Error(Code::kFailedPrecondition,
                 "the topology says that both nodes share a host, but P's boot id is " +
                     own.boot_id + ", D's " + link.boot_id);
  }
  return {};
}

Status check_time(const wire::Link& link, const LinkIdentity& own, const LinkHistory& history) {
  if (link.expected_epoch.value != 0 && link.expected_epoch != own.epoch) {
    return Error(Code::kUnavailable, "D expects P's epoch " +
                                         std::to_string(link.expected_epoch.value) + ", P's is " +
                                         std::to_string(own.epoch.value));
  }
  if (link.epoch.value == 0) return Error(Code::kProtocol, "LINK: epoch is 0");
  if (link.epoch == history.epoch && link.incarnation <= history.incarnation) {
    return Error(Code::kFailedPrecondition,
                 "incarnation " + std::to_string(link.incarnation.value) +
                     " does not follow P's last one, " + std::to_string(history.incarnation.value));
  }
  return {};
}

}  // namespace

Result<std::string> read_boot_id() {
  constexpr const char* kPath = "/proc/sys/kernel/random/boot_id";
  std::ifstream file(kPath);
  std::string id;
  if (!std::getline(file, id) || id.empty()) {
    return Error(Code::kSystem, std::string("cannot read ") + kPath);
  }
  return id;
}

Status check_link(const wire::Link& link, const LinkTerms& terms, const LinkIdentity& own,
                  const LinkHistory& history) {
  PEGAFLOW_TRY(check_names(link, terms));
  PEGAFLOW_TRY(check_versions(link));
  PEGAFLOW_TRY(check_place(link, terms, own));
  PEGAFLOW_TRY(check_time(link, own, history));
  for (const wire::RegionGeometry& region : link.regions) {
    PEGAFLOW_ASSIGN([[maybe_unused]] const auto shape, shape_of(region, !terms.mapped));
  }
  return {};
}

std::uint16_t negotiated_version(const wire::Link& link) {
  return static_cast<std::uint16_t>(
      std::min<std::uint32_t>(link.version_max, wire::kControlVersion));
}

Status check_link_ok(const wire::LinkOk& answer, const wire::Link& asked) {
  if (answer.version < asked.version_min || answer.version > asked.version_max) {
    return Error(Code::kProtocol, "LINK_OK: version " + std::to_string(answer.version) +
                                      ", expected " +
                                      versions(asked.version_min, asked.version_max));
  }
  if ((answer.features & ~asked.features) != 0) {
    return Error(Code::kProtocol,
                 "LINK_OK: features " + std::to_string(answer.features) + " that were not offered");
  }
  if (answer.epoch.value == 0) return Error(Code::kProtocol, "LINK_OK: epoch is 0");
  if (answer.incarnation != asked.incarnation) {
    return Error(Code::kProtocol, "LINK_OK: incarnation " +
                                      std::to_string(answer.incarnation.value) + ", expected " +
                                      std::to_string(asked.incarnation.value));
  }
  return {};
}

wire::RegionGeometry geometry_of(const memory::Region& region,
                                 std::vector<std::vector<std::byte>> rkeys) {
  const memory::RegionShape& shape = region.shape();
  return {.name = region.name(),
          .memory = shape.memory,
          .slot_bytes = shape.slot_bytes,
          .slot_count = shape.slot_count,
          .segments = shape.segments,
          .segment_bytes = shape.segment_bytes,
          .rkeys = std::move(rkeys)};
}

Result<memory::RegionShape> shape_of(const wire::RegionGeometry& geometry, bool with_rkeys) {
  const memory::RegionShape shape{.memory = geometry.memory,
                                  .slot_bytes = geometry.slot_bytes,
                                  .slot_count = geometry.slot_count,
                                  .segments = geometry.segments,
                                  .segment_bytes = geometry.segment_bytes};
  const Status checked = memory::check_shape(shape);
  if (!checked.ok()) return checked.error().within("LINK: region " + geometry.name);
  const std::size_t expected = with_rkeys ? shape.segments : 0;
  if (geometry.rkeys.size() != expected) {
    return Error(Code::kProtocol, "LINK: region " + geometry.name + ": expected " +
                                      std::to_string(expected) + " rkeys, got " +
                                      std::to_string(geometry.rkeys.size()));
  }
  return shape;
}

}  // namespace pegaflow::agent
