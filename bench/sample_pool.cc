#include "sample_pool.h"

#include <algorithm>
#include <numeric>
#include <random>
#include <span>
#include <utility>

namespace pegaflow::bench {

SamplePool::SamplePool(const PoolForm& form, bool comparable)
    : ids_(form.blocks), n_tokens_(form.blocks / 2 * form.block_tokens) {
  constexpr std::uint32_t kSeed = 1;  // the same order in every run
  std::iota(ids_.begin(), ids_.end(), 0u);
  std::mt19937 random(kSeed);
  for (std::size_t i = ids_.size() - 1; i > 0; --i) std::swap(ids_[i], ids_[random() % (i + 1)]);
  ids_.resize(form.blocks / 2);
  KvGroupShape group;
  group.stage_bounds = {0, form.layers};
  group.heads_total = form.heads;
  group.parts = 2;
  group.part_bytes = {form.part_bytes, form.part_bytes};
  group.element_bytes = 2;
  group.block_tokens = form.block_tokens;
  KvShape shape;
  shape.groups = {group};
  const core::GroupStyle style{form.style, core::Placement::kLayerFirst, form.blocks, 0};
  layout_ = core::make_layout(std::move(shape), {&style, 1}, MemoryKind::kHost,
                              [&](std::uint64_t bytes) -> Result<std::uint64_t> {
                                memory_.emplace_back(new (kAlignment) std::byte[bytes]());
                                return reinterpret_cast<std::uint64_t>(memory_.back().get());
                              })
                .value();
  if (!comparable) layout_.shape.groups[0].inner_order = 0;
}

core::StreamPlan plan_between(const SamplePool& source, const SamplePool& sink) {
  constexpr std::uint64_t kChunkBytes = 1U << 20;
  const core::TokenRange tokens{0, source.n_tokens()};
  return core::plan_stream(source.layout().shape, sink.layout().shape, {&tokens, 1}, kChunkBytes)
      .value();
}

}  // namespace pegaflow::bench
