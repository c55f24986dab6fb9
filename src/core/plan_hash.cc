#include "core/plan_hash.h"

#include <concepts>

namespace pegaflow::core {
namespace {

constexpr std::uint8_t kEncodingVersion = 1;

class Fnv64 {
 public:
  template <std::unsigned_integral T>
  void put(T value) {
    for (std::size_t i = 0; i < sizeof value; ++i) {
      state_ ^= static_cast<std::uint8_t>(static_cast<std::uint64_t>(value) >> (8 * i));
      state_ *= 0x100000001B3ULL;
    }
  }
  template <typename Range>
  void put_range(const Range& range) {
    put(range.begin);
    put(range.end);
  }
  std::uint64_t value() const { return state_; }

 private:
  std::uint64_t state_ = 0xCBF29CE484222325ULL;
};

void put_group(Fnv64& hash, const GroupPlan& plan) {
  hash.put(plan.group);
  hash.put(static_cast<std::uint8_t>(plan.order));
  hash.put_range(plan.layers);
  hash.put_range(plan.heads);
  hash.put_range(plan.tokens);
  hash.put(plan.unit_tokens);
  hash.put(plan.unit_bytes);
  hash.put(plan.grid.origin);
  hash.put(plan.grid.tile_tokens);
  hash.put(plan.grid.layers_per_chunk);
  hash.put(plan.grid.n_tiles);
  hash.put(plan.grid.n_layer_groups);
  hash.put(plan.first_chunk);
}

}  // namespace

std::uint64_t plan_hash(const StreamPlan& plan) {
  Fnv64 hash;
  hash.put(kEncodingVersion);
  hash.put(static_cast<std::uint32_t>(plan.groups.size()));
  for (const GroupPlan& group : plan.groups) put_group(hash, group);
  hash.put(plan.n_chunks);
  hash.put(plan.bytes);
  return hash.value();
}

}  // namespace pegaflow::core
