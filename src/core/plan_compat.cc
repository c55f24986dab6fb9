#include "core/plan_compat.h"

#include <algorithm>
#include <string>
#include <string_view>

#include "core/ranks.h"

namespace pegaflow::core {
namespace {

constexpr std::string_view kHex = "0123456789abcdef";

std::string text(std::uint64_t value) { return std::to_string(value); }

// The first bytes are enough to tell two digests apart by eye.
template <typename Bytes>
std::string prefix(const Bytes& bytes) {
  std::string digits;
  for (std::size_t i = 0; i < 8; ++i) {
    digits += kHex[bytes[i] >> 4U];
    digits += kHex[bytes[i] & 15U];
  }
  return digits + "…";
}

Error differ(std::string_view field, const std::string& source, const std::string& sink) {
  return {Code::kInvalidArgument,
          std::string(field) + " differs: source " + source + ", sink " + sink};
}

Status check_same(std::string_view field, std::uint64_t source, std::uint64_t sink) {
  if (source == sink) return {};
  return differ(field, text(source), text(sink));
}

Status check_same_opaque(const KvShape& source, const KvShape& sink, std::size_t index) {
  const KvGroupShape& from = source.groups[index];
  const KvGroupShape& to = sink.groups[index];
  PEGAFLOW_TRY(check_same("opaque_block_bytes", from.opaque_block_bytes, to.opaque_block_bytes));
  if (from.opaque_digest != to.opaque_digest) {
    return differ("opaque_digest", prefix(from.opaque_digest), prefix(to.opaque_digest));
  }
  PEGAFLOW_TRY(check_same("block_tokens", from.block_tokens, to.block_tokens));
  // Blocks cannot be cut at heads, so both sides must have cut the heads alike.
  return check_same("heads per rank of an opaque group", heads_of(from, source.rank).size(),
                    heads_of(to, sink.rank).size());
}

Status check_same_tokens(const KvGroupShape& from, const KvGroupShape& to) {
  PEGAFLOW_TRY(check_same("element_bytes", from.element_bytes, to.element_bytes));
  PEGAFLOW_TRY(check_same("parts", from.parts, to.parts));
  PEGAFLOW_TRY(check_same("part_bytes[0]", from.part_bytes[0], to.part_bytes[0]));
  return check_same("part_bytes[1]", from.part_bytes[1], to.part_bytes[1]);
}

Status check_group(const KvShape& source, const KvShape& sink, std::size_t index) {
  const KvGroupShape& from = source.groups[index];
  const KvGroupShape& to = sink.groups[index];
  PEGAFLOW_TRY(check_same("layers", from.stage_bounds.back(), to.stage_bounds.back()));
  PEGAFLOW_TRY(check_same("heads_total", from.heads_total, to.heads_total));
  PEGAFLOW_TRY(check_same("window", from.window, to.window));
  if (from.opaque() != to.opaque()) {
    return differ("opaque", from.opaque() ? "yes" : "no", to.opaque() ? "yes" : "no");
  }
  return from.opaque() ? check_same_opaque(source, sink, index) : check_same_tokens(from, to);
}

}  // namespace

Status check_compatible(const KvShape& source, const KvShape& sink) {
  if (source.fingerprint != sink.fingerprint) {
    return differ("fingerprint", prefix(source.fingerprint), prefix(sink.fingerprint));
  }
  PEGAFLOW_TRY(check_same("groups.size()", source.groups.size(), sink.groups.size()));
  for (std::size_t i = 0; i < source.groups.size(); ++i) {
    const Status status = check_group(source, sink, i);
    if (!status.ok()) {
      return Error(status.error().code(), "groups[" + text(i) + "]." + status.error().message());
    }
  }
  return {};
}

}  // namespace pegaflow::core
