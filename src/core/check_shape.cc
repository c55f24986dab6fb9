#include "core/check_shape.h"

#include <algorithm>
#include <string>
#include <string_view>

#include "core/ranks.h"

namespace pegaflow::core {
namespace {

Error bad(std::string_view field, std::uint64_t value, std::string_view expected) {
  return {Code::kInvalidArgument, std::string(field) + " = " + std::to_string(value) +
                                      ", expected " + std::string(expected)};
}

Status check_between(std::string_view field, std::uint64_t value, std::uint64_t low,
                     std::uint64_t high) {
  if (value >= low && value <= high) return {};
  return bad(field, value, std::to_string(low) + " to " + std::to_string(high));
}

Status check_position(std::string_view name, std::uint32_t rank, std::uint32_t size) {
  PEGAFLOW_TRY(check_between(std::string(name) + "_size", size, 1, kMaxRanks));
  if (rank >= size) return bad(name, rank, "less than its size " + std::to_string(size));
  return {};
}

Status check_rank(const Rank& rank) {
  PEGAFLOW_TRY(check_position("rank.dp", rank.dp, rank.dp_size));
  PEGAFLOW_TRY(check_position("rank.pp", rank.pp, rank.pp_size));
  PEGAFLOW_TRY(check_position("rank.tp", rank.tp, rank.tp_size));
  const std::uint64_t ranks = std::uint64_t{rank.dp_size} * rank.pp_size * rank.tp_size;
  return check_between("ranks (dp_size · pp_size · tp_size)", ranks, 1, kMaxRanks);
}

Status check_stages(const KvGroupShape& group, const Rank& rank) {
  const auto& bounds = group.stage_bounds;
  if (bounds.size() != std::size_t{rank.pp_size} + 1) {
    return bad("stage_bounds.size()", bounds.size(),
               "pp_size + 1 = " + std::to_string(rank.pp_size + 1));
  }
  if (bounds.front() != 0) return bad("stage_bounds[0]", bounds.front(), "0");
  for (std::size_t i = 1; i < bounds.size(); ++i) {
    if (bounds[i] < bounds[i - 1]) {
      return bad("stage_bounds[" + std::to_string(i) + "]", bounds[i],
                 "at least its predecessor " + std::to_string(bounds[i - 1]));
    }
  }
  return check_between("layers (the last of stage_bounds)", bounds.back(), 1, kMaxLayers);
}

Status check_heads(const KvGroupShape& group, const Rank& rank) {
  PEGAFLOW_TRY(check_between("heads_total", group.heads_total, 1, kMaxHeads));
  const auto [small, large] = std::minmax(group.heads_total, rank.tp_size);
  if (large % small == 0) return {};
  return bad("heads_total", group.heads_total,
             "a divisor or a multiple of tp_size " + std::to_string(rank.tp_size));
}

Status check_zero(std::string_view field, std::uint64_t value, std::string_view group_kind) {
  if (value == 0) return {};
  return bad(field, value, "0 in " + std::string(group_kind));
}

Status check_opaque(const KvGroupShape& group) {
  constexpr std::string_view kKind = "an opaque group";
  PEGAFLOW_TRY(check_between("opaque_block_bytes", group.opaque_block_bytes, 1, kMaxBlockBytes));
  PEGAFLOW_TRY(check_zero("parts", group.parts, kKind));
  PEGAFLOW_TRY(check_zero("part_bytes[0]", group.part_bytes[0], kKind));
  PEGAFLOW_TRY(check_zero("part_bytes[1]", group.part_bytes[1], kKind));
  PEGAFLOW_TRY(check_zero("element_bytes", group.element_bytes, kKind));
  return check_zero("inner_order", group.inner_order, kKind);
}

Status check_part(const KvGroupShape& group, std::size_t part) {
  const std::string field = "part_bytes[" + std::to_string(part) + "]";
  PEGAFLOW_TRY(check_between(field, group.part_bytes[part], 1, kMaxPartBytes));
  if (group.part_bytes[part] % group.element_bytes == 0) return {};
  return bad(field, group.part_bytes[part],
             "a multiple of element_bytes " + std::to_string(group.element_bytes));
}

Status check_parts(const KvGroupShape& group, const Rank& rank) {
  if (group.opaque_digest != std::array<std::uint8_t, 16>{}) {
    return Error(Code::kInvalidArgument, "opaque_digest is set, but opaque_block_bytes = 0");
  }
  const std::uint32_t element = group.element_bytes;
  if (element != 1 && element != 2 && element != 4) {
    return bad("element_bytes", element, "1, 2 or 4");
  }
  PEGAFLOW_TRY(check_between("parts", group.parts, 1, 2));
  for (std::size_t part = 0; part < group.parts; ++part) PEGAFLOW_TRY(check_part(group, part));
  if (group.parts == 1) {
    PEGAFLOW_TRY(check_zero("part_bytes[1]", group.part_bytes[1], "a group of one part"));
  }
  // At most 2^12 heads · 2^21 bytes · 2^24 tokens: no overflow.
  const std::uint64_t token = std::uint64_t{heads_of(group, rank).size()} *
                              (std::uint64_t{group.part_bytes[0]} + group.part_bytes[1]);
  return check_between("bytes of one block of one layer", token * group.block_tokens, 1,
                       kMaxBlockBytes);
}

Status check_group(const KvGroupShape& group, const Rank& rank) {
  PEGAFLOW_TRY(check_stages(group, rank));
  PEGAFLOW_TRY(check_heads(group, rank));
  PEGAFLOW_TRY(check_between("block_tokens", group.block_tokens, 1, kMaxBlockTokens));
  return group.opaque() ? check_opaque(group) : check_parts(group, rank);
}

}  // namespace

Status check_shape(const KvShape& shape) {
  PEGAFLOW_TRY(check_rank(shape.rank));
  PEGAFLOW_TRY(check_between("gpu_uuid.size()", shape.gpu_uuid.size(), 0, kMaxGpuUuidBytes));
  PEGAFLOW_TRY(check_between("groups.size()", shape.groups.size(), 1, kMaxGroups));
  for (std::size_t i = 0; i < shape.groups.size(); ++i) {
    const Status status = check_group(shape.groups[i], shape.rank);
    if (!status.ok()) {
      const std::string path = "groups[" + std::to_string(i) + "].";
      return Error(status.error().code(), path + status.error().message());
    }
  }
  return {};
}

}  // namespace pegaflow::core
