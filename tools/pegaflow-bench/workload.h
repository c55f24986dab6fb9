// Workload: what one measurement moves: `total_bytes` in random pages of a pool four times as
// large. Also which pages those are, and what they hold: both sides compute it alike.
#pragma once

#include <cstdint>
#include <random>
#include <span>
#include <string>
#include <vector>

#include "pegaflow/key.h"
#include "pegaflow/kv_layout.h"
#include "pegaflow/result.h"

namespace pegaflow::bench {

inline constexpr std::uint64_t kMinPageBytes = 16;

struct Workload {
  std::uint64_t page_bytes = 0;
  std::uint64_t total_bytes = 0;
  MemoryKind memory = MemoryKind::kHost;
  std::uint64_t seed = 0;

  std::uint32_t fragments() const { return static_cast<std::uint32_t>(total_bytes / page_bytes); }
  std::uint32_t pool_pages() const { return 4 * fragments(); }
  std::uint64_t pool_bytes() const { return 4 * total_bytes; }
  // A page is a KV block of one layer: so many tokens of so many bytes, which are contiguous.
  std::uint32_t token_bytes() const;
  std::uint32_t page_tokens() const;
  std::uint32_t n_tokens() const { return fragments() * page_tokens(); }

  Key key(std::uint64_t transfer) const;
  // The pattern (support/pattern.h) of a page of P's pool.
  std::uint64_t page_seed(std::uint32_t page) const;
};

// kInvalidArgument: a page is not a multiple of its tokens, a total not one of its pages, or there
// are more pages than a pool may have.
Status check_workload(const Workload& workload);

// The layout of a pool of this workload, whose memory begins at `base`, on the GPU with that UUID
// (empty: host memory).
Result<KvLayout> make_pool_layout(const Workload& workload, std::uint64_t base,
                                  const std::string& gpu_uuid);

enum class Side : std::uint8_t { kSource, kSink };

// Random distinct pages of a pool, others with each pick. Independent per side.
class PagePicker {
 public:
  PagePicker(const Workload& workload, Side side);
  // Valid until the next pick.
  std::span<const std::uint32_t> pick();

 private:
  std::uint32_t count_;
  std::vector<std::uint32_t> pages_;
  std::mt19937_64 random_;
};

}  // namespace pegaflow::bench
