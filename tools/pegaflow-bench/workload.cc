#include "pegaflow-bench/workload.h"

#include <algorithm>
#include <cstring>
#include <numeric>
#include <string>
#include <utility>

#include "core/check_shape.h"
#include "core/layout_builder.h"
#include "support/mix.h"

namespace pegaflow::bench {
namespace {

constexpr std::uint64_t kMaxTokenBytes = 4096;  // K and V of a few heads

Error bad(const std::string& text) { return {Code::kInvalidArgument, text}; }

}  // namespace

std::uint32_t Workload::token_bytes() const {
  return static_cast<std::uint32_t>(std::min(page_bytes, kMaxTokenBytes));
}

std::uint32_t Workload::page_tokens() const {
  return static_cast<std::uint32_t>(page_bytes / token_bytes());
}

Key Workload::key(std::uint64_t transfer) const {
  Key key;
  const auto word = tools::mix(tools::mix(seed, page_bytes), transfer);
  std::memcpy(key.bytes.data(), &word, sizeof word);
  std::memcpy(key.bytes.data() + sizeof word, &total_bytes, sizeof total_bytes);
  return key;
}

std::uint64_t Workload::page_seed(std::uint32_t page) const { return tools::mix(seed, page); }

Status check_workload(const Workload& workload) {
  const auto page = std::to_string(workload.page_bytes);
  if (workload.page_bytes < kMinPageBytes || workload.page_bytes % workload.token_bytes() != 0 ||
      workload.page_bytes % kMinPageBytes != 0) {
    return bad(page + ": expected a multiple of " + std::to_string(kMinPageBytes) +
               " bytes, from 4096 bytes on one of 4096");
  }
  if (workload.total_bytes < workload.page_bytes ||
      workload.total_bytes % workload.page_bytes != 0) {
    return bad("a transfer of " + std::to_string(workload.total_bytes) +
               " bytes: expected a multiple of the page, " + page);
  }
  if (workload.pool_bytes() / workload.page_bytes > core::kMaxBlocks) {
    return bad("a pool of " + std::to_string(workload.pool_bytes() / workload.page_bytes) +
               " pages of " + page + " bytes: expected at most " +
               std::to_string(core::kMaxBlocks));
  }
  return {};
}

Result<KvLayout> make_pool_layout(const Workload& workload, std::uint64_t base,
                                  const std::string& gpu_uuid) {
  KvGroupShape group;
  group.stage_bounds = {0, 1};
  group.heads_total = 1;
  group.parts = 1;
  group.part_bytes = {workload.token_bytes(), 0};
  group.element_bytes = 2;
  group.block_tokens = workload.page_tokens();
  KvShape shape;
  shape.groups = {group};
  shape.gpu_uuid = gpu_uuid;
  const core::GroupStyle style{core::BlockStyle::kNhdKv, core::Placement::kLayerFirst,
                               workload.pool_pages(), 0};
  return core::make_layout(std::move(shape), {&style, 1}, workload.memory,
                           [&](std::uint64_t) -> Result<std::uint64_t> { return base; });
}

PagePicker::PagePicker(const Workload& workload, Side side)
    : count_(workload.fragments()),
      pages_(workload.pool_pages()),
      random_(tools::mix(workload.seed, side == Side::kSource ? 1 : 2)) {
  std::iota(pages_.begin(), pages_.end(), 0u);
}

std::span<const std::uint32_t> PagePicker::pick() {
  const auto size = static_cast<std::uint32_t>(pages_.size());
  for (std::uint32_t i = 0; i < count_; ++i) {
    std::swap(pages_[i], pages_[std::uniform_int_distribution(i, size - 1)(random_)]);
  }
  return std::span(pages_).first(count_);
}

}  // namespace pegaflow::bench
