#include "client/block_table.h"

#include <algorithm>
#include <string>
#include <utility>

namespace pegaflow::client {
namespace {

std::uint32_t blocks_of(std::uint32_t n_tokens, std::uint32_t block_tokens) {
  return n_tokens / block_tokens + (n_tokens % block_tokens != 0 ? 1 : 0);
}

Error bad_table(const std::string& what) {
  return {Code::kInvalidArgument, "block table: " + what};
}

}  // namespace

BlockTable::BlockTable(std::uint32_t n_tokens, std::uint32_t block_tokens, std::uint32_t n_blocks)
    : block_tokens_(block_tokens), n_blocks_(n_blocks), ids_(blocks_of(n_tokens, block_tokens)) {}

Status BlockTable::check_ids(std::span<const std::uint32_t> ids) const {
  const auto bad =
      std::find_if(ids.begin(), ids.end(), [this](std::uint32_t id) { return id >= n_blocks_; });
  if (bad == ids.end()) return {};
  return bad_table("block id " + std::to_string(*bad) + ", the pool has " +
                   std::to_string(n_blocks_) + " blocks");
}

Status BlockTable::extend(std::uint32_t first, std::span<const std::uint32_t> ids) {
  PEGAFLOW_TRY(check_ids(ids));
  if (first >= ids_.size()) return {};
  ids = ids.first(std::min<std::size_t>(ids.size(), ids_.size() - first));
  if (ids.empty()) return {};
  const auto last = static_cast<std::uint32_t>(first + ids.size());
  const bool fresh = begin_ == end_;
  if (!fresh && (first > end_ || last < begin_)) {
    return bad_table("blocks [" + std::to_string(first) + ", " + std::to_string(last) +
                     ") leave a gap to the known ones, [" + std::to_string(begin_) + ", " +
                     std::to_string(end_) + ")");
  }
  for (std::uint32_t at = std::max(first, begin_); at < std::min(last, end_); ++at) {
    if (ids_[at] != ids[at - first]) {
      return bad_table("block " + std::to_string(at) + " has id " + std::to_string(ids_[at]) +
                       ", not " + std::to_string(ids[at - first]) + "; say replace to change it");
    }
  }
  for (std::uint32_t at = first; at < last; ++at) {
    if (at < begin_ || at >= end_) ids_[at] = ids[at - first];
  }
  begin_ = fresh ? first : std::min(begin_, first);
  end_ = fresh ? last : std::max(end_, last);
  return {};
}

Result<std::vector<std::uint32_t>> BlockTable::replace(std::uint32_t first,
                                                       std::span<const std::uint32_t> ids) {
  PEGAFLOW_TRY(check_ids(ids));
  std::vector<std::uint32_t> before = std::exchange(ids_, std::vector<std::uint32_t>(ids_.size()));
  begin_ = end_ = 0;
  PEGAFLOW_TRY(extend(first, ids));
  return before;
}

}  // namespace pegaflow::client
