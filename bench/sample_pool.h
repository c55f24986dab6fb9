// Pools of a small model in the common layouts, for what measures gather and scatter.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <new>
#include <vector>

#include "core/copy_runs.h"
#include "core/layout_builder.h"
#include "core/plan.h"
#include "pegaflow/kv_layout.h"

namespace pegaflow::bench {

// The fragments of a pool: contiguous pieces of `head_bytes` … block bytes, as the style says.
struct PoolForm {
  core::BlockStyle style = core::BlockStyle::kNhdKv;
  std::uint32_t heads = 8;
  std::uint32_t part_bytes = 256;  // of one head of one token in K, and in V
  std::uint32_t block_tokens = 16;
  std::uint32_t layers = 4;
  std::uint32_t blocks = 256;
};

// One pool, half of whose blocks, in random order, hold a sequence.
class SamplePool {
 public:
  // `comparable`: tells its inner order, so that equal pools may exchange whole blocks.
  SamplePool(const PoolForm& form, bool comparable);

  const KvLayout& layout() const { return layout_; }
  std::uint32_t n_tokens() const { return n_tokens_; }
  core::TableView table() const { return {ids_, 0}; }

 private:
  struct Free {
    void operator()(std::byte* memory) const { ::operator delete[](memory, kAlignment); }
  };
  static constexpr std::align_val_t kAlignment{4096};  // as engines' pools
  std::vector<std::unique_ptr<std::byte[], Free>> memory_;
  std::vector<std::uint32_t> ids_;
  std::uint32_t n_tokens_ = 0;
  KvLayout layout_;
};

// The stream of the whole sequence from one pool to the other, in chunks of at most 1 MiB.
core::StreamPlan plan_between(const SamplePool& source, const SamplePool& sink);

}  // namespace pegaflow::bench
