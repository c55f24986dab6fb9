#include "client/check_receive.h"

#include <algorithm>
#include <limits>
#include <string>
#include <vector>

#include "core/copy_runs.h"
#include "core/plan.h"
#include "wire/control.h"

namespace pegaflow::client {
namespace {

Error bad(const std::string& what) { return {Code::kInvalidArgument, "receive: " + what}; }

std::string text(TokenInterval tokens) {
  return "[" + std::to_string(tokens.begin) + ", " + std::to_string(tokens.end) + ")";
}

Status check_tokens(const ReceiveGroup& group, const KvGroupShape& shape, std::uint32_t n_tokens) {
  const TokenInterval tokens = group.tokens;
  if (tokens.begin > tokens.end || tokens.end > n_tokens) {
    return bad("tokens " + text(tokens) + " of " + std::to_string(n_tokens));
  }
  if (shape.opaque() && tokens.begin % shape.block_tokens != 0) {
    return bad("tokens " + text(tokens) + " do not start on a block of " +
               std::to_string(shape.block_tokens) + " tokens");
  }
  return {};
}

// Scattering two blocks of a sequence into one would mix them up.
Status check_distinct(const std::vector<std::uint32_t>& ids) {
  std::vector<std::uint32_t> sorted = ids;
  std::sort(sorted.begin(), sorted.end());
  const auto twice = std::adjacent_find(sorted.begin(), sorted.end());
  if (twice == sorted.end()) return {};
  return bad("block id " + std::to_string(*twice) + " is there twice");
}

Status check_blocks(const ReceiveGroup& group, const KvGroupShape& shape, std::uint32_t n_blocks) {
  const TokenInterval tokens = group.tokens;
  if (tokens.begin == tokens.end) return {};
  const std::uint32_t first = tokens.begin / shape.block_tokens;
  const std::uint32_t needed = (tokens.end - 1) / shape.block_tokens + 1 - first;
  if (group.block_ids.size() < needed) {
    return bad("tokens " + text(tokens) + " lie in " + std::to_string(needed) + " blocks, " +
               std::to_string(group.block_ids.size()) + " ids are given");
  }
  for (const std::uint32_t id : group.block_ids) {
    if (id >= n_blocks) {
      return bad("block id " + std::to_string(id) + ", the pool has " + std::to_string(n_blocks) +
                 " blocks");
    }
  }
  return check_distinct(group.block_ids);
}

Status check_group(const ReceiveSpec& spec, const LocalPool& pool, std::size_t index) {
  const KvGroupShape& shape = pool.layout.shape.groups[index];
  PEGAFLOW_TRY(check_tokens(spec.groups[index], shape, spec.n_tokens));
  return check_blocks(spec.groups[index], shape, pool.layout.groups[index].n_blocks);
}

}  // namespace

Status check_duration(const char* what, std::chrono::milliseconds value) {
  if (value.count() >= 0 && value.count() <= std::numeric_limits<std::uint32_t>::max()) return {};
  return Error{Code::kInvalidArgument,
               std::string(what) + ": " + std::to_string(value.count()) + " ms"};
}

Status check_source(const Source& source) {
  if (!source.instance.empty() && source.instance.size() <= wire::kMaxInstanceBytes) return {};
  return Error{Code::kInvalidArgument,
               "source: instance of " + std::to_string(source.instance.size()) +
                   " bytes, expected 1 … " + std::to_string(wire::kMaxInstanceBytes)};
}

Status check_receive(const ReceiveSpec& spec, const LocalPool& pool) {
  if (spec.key.space != KeySpace::kTransfer) {
    return Error{Code::kUnsupported, "receive: only transfer keys are supported"};
  }
  PEGAFLOW_TRY(check_source(spec.source));
  PEGAFLOW_TRY(check_duration("offer_wait", spec.offer_wait));
  PEGAFLOW_TRY(check_duration("compute", spec.compute));
  PEGAFLOW_TRY(check_duration("total", spec.total));
  if (spec.n_tokens == 0 || spec.n_tokens > core::kMaxTokens) {
    return bad("n_tokens is " + std::to_string(spec.n_tokens) + ", expected 1 … " +
               std::to_string(core::kMaxTokens));
  }
  if (spec.groups.size() != pool.layout.groups.size()) {
    return bad(std::to_string(spec.groups.size()) + " groups, the pool has " +
               std::to_string(pool.layout.groups.size()));
  }
  for (std::size_t i = 0; i < spec.groups.size(); ++i) {
    const Status fits = check_group(spec, pool, i);
    if (!fits.ok()) return fits.error().within("group " + std::to_string(i));
  }
  return {};
}

}  // namespace pegaflow::client
