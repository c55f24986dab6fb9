#include "pegaflow-demo/block_pool.h"

#include <algorithm>
#include <numeric>

#include "base/check.h"

namespace pegaflow::demo {

BlockPool::BlockPool(std::uint32_t n_blocks, std::uint64_t seed)
    : blocks_(n_blocks), free_(n_blocks), random_(seed) {
  std::iota(free_.begin(), free_.end(), 0u);
}

std::optional<BlockPool::Blocks> BlockPool::allocate(std::uint32_t n,
                                                     std::span<const std::uint64_t> keys) {
  Blocks blocks;
  blocks.ids = find_cached(keys.first(std::min<std::size_t>(keys.size(), n)));
  blocks.cached = static_cast<std::uint32_t>(blocks.ids.size());
  const auto idle_hits = std::ranges::count_if(
      blocks.ids, [this](std::uint32_t id) { return blocks_[id].users == 0; });
  if (unused() - static_cast<std::size_t>(idle_hits) < n - blocks.cached) return std::nullopt;
  for (const auto id : blocks.ids) use(id);
  while (blocks.ids.size() < n) blocks.ids.push_back(take_fresh());
  return blocks;
}

void BlockPool::publish(std::span<const std::uint32_t> ids, std::span<const std::uint64_t> keys) {
  PEGAFLOW_CHECK(keys.size() <= ids.size());
  for (std::size_t i = 0; i < keys.size(); ++i) {
    PEGAFLOW_CHECK(blocks_[ids[i]].users > 0);
    // A twin computed at the same time: the first one stays the shared one.
    if (by_key_.try_emplace(keys[i], ids[i]).second) blocks_[ids[i]].key = keys[i];
  }
}

void BlockPool::release(std::span<const std::uint32_t> ids) {
  for (const auto id : ids) {
    auto& block = blocks_[id];
    PEGAFLOW_CHECK(block.users > 0);
    if (--block.users > 0) continue;
    if (block.key) {
      block.idle = idle_.insert(idle_.end(), id);
    } else {
      free_.push_back(id);
    }
  }
}

std::vector<std::uint32_t> BlockPool::find_cached(std::span<const std::uint64_t> keys) const {
  std::vector<std::uint32_t> ids;
  for (const auto key : keys) {
    const auto found = by_key_.find(key);
    if (found == by_key_.end()) break;
    ids.push_back(found->second);
  }
  return ids;
}

void BlockPool::use(std::uint32_t id) {
  auto& block = blocks_[id];
  if (block.users++ == 0) idle_.erase(block.idle);
}

std::uint32_t BlockPool::take_fresh() {
  std::uint32_t id = 0;
  if (!free_.empty()) {
    std::uniform_int_distribution<std::size_t> pick(0, free_.size() - 1);
    std::swap(free_[pick(random_)], free_.back());
    id = free_.back();
    free_.pop_back();
  } else {
    id = idle_.front();
    idle_.pop_front();
    by_key_.erase(*blocks_[id].key);
    blocks_[id].key.reset();
  }
  blocks_[id].users = 1;
  return id;
}

}  // namespace pegaflow::demo
