#include "tests/core/layouts.h"

#include <algorithm>
#include <utility>

#include "base/check.h"
#include "core/ranks.h"

namespace pegaflow::core::testing {
namespace {

// Each allocation begins at a page, so that tests can protect blocks that fill one.
constexpr std::uint64_t kPageBytes = 4096;

std::byte mixed(std::uint64_t value) {
  value = (value ^ (value >> 31)) * 0x7FB5D329728EA185ULL;
  value = (value ^ (value >> 27)) * 0x81DADEF4BC2DD44DULL;
  return static_cast<std::byte>(value >> 56);
}

}  // namespace

std::byte expected_byte(std::uint64_t seed, const KvByte& at) {
  std::uint64_t state = seed;
  for (const std::uint64_t value :
       {std::uint64_t{at.group}, std::uint64_t{at.layer}, std::uint64_t{at.token},
        std::uint64_t{at.head}, std::uint64_t{at.part}, at.byte}) {
    state = state * 0x9E3779B97F4A7C15ULL + value + 1;
  }
  return mixed(state);
}

KvGroupShape small_group(std::uint32_t layers, std::uint32_t pp_size) {
  KvGroupShape group;
  group.stage_bounds = even_stages(layers, pp_size);
  group.heads_total = 8;
  group.parts = 2;
  group.part_bytes = {8, 8};
  group.element_bytes = 2;
  group.block_tokens = 4;
  return group;
}

KvGroupShape opaque_group(std::uint32_t layers, std::uint64_t block_bytes, std::uint32_t pp_size) {
  KvGroupShape group;
  group.stage_bounds = even_stages(layers, pp_size);
  group.heads_total = 1;
  group.block_tokens = 4;
  group.opaque_block_bytes = block_bytes;
  group.opaque_digest.fill(7);
  return group;
}

TestPool::TestPool(KvShape shape, std::span<const GroupStyle> styles) {
  std::uint64_t junk = 1;
  auto layout = make_layout(std::move(shape), styles, MemoryKind::kHost,
                            [&](std::uint64_t bytes) -> Result<std::uint64_t> {
                              auto& memory = memory_.emplace_back(bytes + kPageBytes - 1);
                              for (std::byte& byte : memory) byte = mixed(++junk);
                              const auto at = reinterpret_cast<std::uint64_t>(memory.data());
                              return (at + kPageBytes - 1) / kPageBytes * kPageBytes;
                            });
  layout_ = std::move(layout).value();
}

std::byte& TestPool::at(const KvByte& byte, std::span<const std::uint32_t> ids) {
  const KvGroupShape& group = shape().groups[byte.group];
  const std::uint32_t layer = byte.layer - layers_of(group, shape().rank).begin;
  const KvLayerLayout& place = layout_.groups[byte.group].layers[layer];
  const std::uint64_t block = ids[byte.token / group.block_tokens];
  const std::uint64_t head = byte.head - heads_of(group, shape().rank).begin;
  std::uint64_t address = place.part_base[byte.part] + block * place.block_stride + byte.byte;
  if (!group.opaque()) {
    address += byte.token % group.block_tokens * place.token_stride + head * place.head_stride;
  }
  return *reinterpret_cast<std::byte*>(address);
}

void TestPool::fill(std::uint64_t seed, std::uint32_t group, std::uint32_t begin, std::uint32_t end,
                    std::span<const std::uint32_t> ids) {
  for_each_byte(shape(), group, begin, end,
                [&](const KvByte& byte) { at(byte, ids) = expected_byte(seed, byte); });
}

void TestPool::restore(const std::vector<std::vector<std::byte>>& memory) {
  PEGAFLOW_CHECK(memory.size() == memory_.size());
  for (std::size_t i = 0; i < memory.size(); ++i) {
    std::copy(memory[i].begin(), memory[i].end(), memory_[i].begin());
  }
}

namespace {

void for_each_opaque_byte(const KvGroupShape& group, KvByte at, std::uint32_t begin,
                          std::uint32_t end, const std::function<void(const KvByte&)>& fn) {
  at.token = begin / group.block_tokens * group.block_tokens;
  for (; at.token < end; at.token += group.block_tokens) {
    for (at.byte = 0; at.byte < group.opaque_block_bytes; ++at.byte) fn(at);
  }
}

void for_each_token_byte(const KvGroupShape& group, const HeadRange& heads, KvByte at,
                         const std::function<void(const KvByte&)>& fn) {
  for (at.head = heads.begin; at.head < heads.end; ++at.head) {
    for (at.part = 0; at.part < group.parts; ++at.part) {
      for (at.byte = 0; at.byte < group.part_bytes[at.part]; ++at.byte) fn(at);
    }
  }
}

}  // namespace

void for_each_byte(const KvShape& shape, std::uint32_t group, std::uint32_t begin,
                   std::uint32_t end, const std::function<void(const KvByte&)>& fn) {
  const KvGroupShape& form = shape.groups[group];
  const LayerRange layers = layers_of(form, shape.rank);
  const HeadRange heads = heads_of(form, shape.rank);
  KvByte at;
  at.group = group;
  for (at.layer = layers.begin; at.layer < layers.end; ++at.layer) {
    at.head = heads.begin;
    if (form.opaque()) {
      for_each_opaque_byte(form, at, begin, end, fn);
      continue;
    }
    for (at.token = begin; at.token < end; ++at.token) for_each_token_byte(form, heads, at, fn);
  }
}

}  // namespace pegaflow::core::testing
