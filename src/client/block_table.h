// BlockTable: which pool blocks hold a sequence's tokens, for one group of one offer. Grows as the
// engine allocates; the known blocks are one interval of the sequence's blocks. Not thread safe,
// but views stay as they were when they were made.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "core/copy_runs.h"
#include "pegaflow/result.h"

namespace pegaflow::client {

class BlockTable {
 public:
  // For a sequence of n_tokens; ids lie in [0, n_blocks).
  BlockTable(std::uint32_t n_tokens, std::uint32_t block_tokens, std::uint32_t n_blocks);

  // The ids of blocks first, first + 1, …; those beyond the sequence are not kept (engines
  // allocate ahead). kInvalidArgument: an id out of range, a gap to what is known, or another id
  // than the known one (that takes replace()).
  Status extend(std::uint32_t first, std::span<const std::uint32_t> ids);
  // Forgets all, then as extend(). On an error nothing changes. The result is what earlier views
  // point at: keep it until nobody uses them.
  Result<std::vector<std::uint32_t>> replace(std::uint32_t first,
                                             std::span<const std::uint32_t> ids);

  // The blocks of tokens [covered_begin(), covered_end()) are known. Both 0 when empty.
  std::uint32_t covered_begin() const { return begin_ * block_tokens_; }
  std::uint64_t covered_end() const { return std::uint64_t{end_} * block_tokens_; }
  core::TableView view() const { return {std::span(ids_).subspan(begin_, end_ - begin_), begin_}; }

 private:
  Status check_ids(std::span<const std::uint32_t> ids) const;
  std::uint32_t block_tokens_;
  std::uint32_t n_blocks_;
  std::vector<std::uint32_t> ids_;  // one per block of the sequence
  std::uint32_t begin_ = 0, end_ = 0;
};

}  // namespace pegaflow::client
