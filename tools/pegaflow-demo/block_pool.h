// BlockPool: which KV blocks are in use, by whom, and which still hold a known prefix. Hands out
// blocks in random order, as a pool does that has served for a while.
#pragma once

#include <cstddef>
#include <cstdint>
#include <list>
#include <optional>
#include <random>
#include <span>
#include <unordered_map>
#include <vector>

namespace pegaflow::demo {

// Block ids are [0, n_blocks). Not thread safe.
class BlockPool {
 public:
  BlockPool(std::uint32_t n_blocks, std::uint64_t seed);

  struct Blocks {
    std::vector<std::uint32_t> ids;  // in prompt order
    std::uint32_t cached = 0;        // the first `cached` of them hold their content already
  };

  // `n` blocks for a prompt; `keys` name the content of the leading ones (Prompt::block_keys, or
  // fewer where fewer may come from the cache). Evicts cached blocks that nobody uses, the longest
  // unused first. nullopt: not enough blocks now; nothing changed.
  std::optional<Blocks> allocate(std::uint32_t n, std::span<const std::uint64_t> keys);
  // The blocks hold the content of `keys` now: later prompts may share them.
  // REQUIRES: keys.size() ≤ ids.size().
  void publish(std::span<const std::uint32_t> ids, std::span<const std::uint64_t> keys);
  // Ends one use of each. Published blocks stay cached until they are evicted.
  void release(std::span<const std::uint32_t> ids);

  std::uint32_t size() const { return static_cast<std::uint32_t>(blocks_.size()); }
  std::size_t unused() const { return free_.size() + idle_.size(); }

 private:
  struct Block {
    std::uint32_t users = 0;
    std::optional<std::uint64_t> key;           // published content
    std::list<std::uint32_t>::iterator idle{};  // valid iff users == 0 and key
  };
  std::vector<std::uint32_t> find_cached(std::span<const std::uint64_t> keys) const;
  void use(std::uint32_t id);
  std::uint32_t take_fresh();

  std::vector<Block> blocks_;
  std::vector<std::uint32_t> free_;
  std::list<std::uint32_t> idle_;  // cached and without users, longest unused first
  std::unordered_map<std::uint64_t, std::uint32_t> by_key_;
  std::mt19937_64 random_;
};

}  // namespace pegaflow::demo
