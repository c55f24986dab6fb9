#include "pegaflow-demo/kv_pool.h"

#include <sys/mman.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>

#include "core/layout_builder.h"
#include "pegaflow-demo/layout_names.h"
#include "pegaflow-demo/row_id.h"
#include "support/pattern.h"

namespace pegaflow::demo {
namespace {

std::string describe(const RowId& id, std::size_t offset, std::byte expected, std::byte found) {
  std::array<char, 160> text{};
  std::snprintf(text.data(), text.size(),
                "layer %u, token %u, head %u, part %u, byte %zu: expected 0x%02x, found 0x%02x",
                id.layer, id.token, id.head, id.part, offset, static_cast<unsigned>(expected),
                static_cast<unsigned>(found));
  return text.data();
}

void note_wrong_row(const RowId& id, std::uint64_t seed, std::span<const std::byte> row,
                    Mismatch& mismatch) {
  mismatch.wrong_bytes += tools::count_wrong_bytes(seed, row);
  if (!mismatch.first.empty()) return;
  std::size_t offset = 0;
  while (row[offset] == tools::pattern_byte(seed, offset)) ++offset;
  mismatch.first = describe(id, offset, tools::pattern_byte(seed, offset), row[offset]);
}

}  // namespace

KvPool::KvPool(const KvPoolSpec& spec) : spec_(spec), layers_(spec.model.layers) {}

Result<std::unique_ptr<KvPool>> KvPool::create(const KvPoolSpec& spec) {
  PEGAFLOW_ASSIGN(const auto style, layout_style(spec.layout, spec.n_blocks));
  std::unique_ptr<KvPool> pool(new KvPool(spec));
  auto shape = shape_of(spec.model, spec.tp, spec.tp_size, spec.block_tokens);
  const auto map = [&](std::uint64_t bytes) { return pool->map(bytes); };
  PEGAFLOW_ASSIGN(pool->layout_, core::make_layout(shape, {&style, 1}, MemoryKind::kHost, map));
  pool->rows_ = pool->layout_.groups[0].layers;
  if (!spec.gpu.empty()) PEGAFLOW_TRY(pool->move_to_gpu());
  pool->heads_ = core::heads_of(pool->layout_.shape.groups[0], pool->layout_.shape.rank);
  return pool;
}

// The layout's addresses become those of the GPU.
Status KvPool::move_to_gpu() {
  PEGAFLOW_ASSIGN(mirror_, tools::GpuMirror::create(spec_.gpu));
  layout_.memory = MemoryKind::kCuda;
  layout_.shape.gpu_uuid = mirror_->gpu();
  for (std::size_t i = 0; i < mappings_.size(); ++i) {
    PEGAFLOW_ASSIGN(const auto address, mirror_->add(mappings_[i]));
    const auto begin = reinterpret_cast<std::uint64_t>(mappings_[i].data());
    for (std::size_t layer = 0; layer < rows_.size(); ++layer) {
      for (std::size_t part = 0; part < rows_[layer].part_base.size(); ++part) {
        const auto at = rows_[layer].part_base[part];
        if (at < begin || at - begin >= mappings_[i].size()) continue;
        layout_.groups[0].layers[layer].part_base[part] = address + (at - begin);
      }
    }
    layout_.allocations[i].address = address;
  }
  return {};
}

KvPool::~KvPool() {
  for (const auto mapping : mappings_) ::munmap(mapping.data(), mapping.size());
}

Result<std::uint64_t> KvPool::map(std::uint64_t bytes) {
  void* const address = ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE,
                               MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
  if (address == MAP_FAILED) {
    return Error(Code::kResourceExhausted, "cannot map " + std::to_string(bytes) +
                                               " bytes of KV memory: " + std::strerror(errno));
  }
  mappings_.emplace_back(static_cast<std::byte*>(address), bytes);
  return reinterpret_cast<std::uint64_t>(address);
}

std::uint64_t KvPool::bytes() const {
  std::uint64_t sum = 0;
  for (const auto mapping : mappings_) sum += mapping.size();
  return sum;
}

std::uint64_t KvPool::bytes_of(std::uint32_t tokens) const {
  return std::uint64_t{tokens} * layers_ * heads_.size() * spec_.model.parts *
         spec_.model.row_bytes();
}

std::span<std::byte> KvPool::row(std::span<const std::uint32_t> ids, std::uint32_t layer,
                                 std::uint32_t token, std::uint32_t head,
                                 std::uint32_t part) const {
  const auto& at = rows_[layer];
  const auto address = at.part_base[part] + ids[token / spec_.block_tokens] * at.block_stride +
                       token % spec_.block_tokens * at.token_stride + head * at.head_stride;
  return {reinterpret_cast<std::byte*>(address), spec_.model.row_bytes()};
}

template <typename Visit>
void KvPool::for_each_row(const Prompt& prompt, std::span<const std::uint32_t> ids,
                          std::uint32_t layer, TokenInterval tokens, Visit&& visit) const {
  for (auto token = tokens.begin; token < tokens.end; ++token) {
    const auto content = prompt.content_at(token);
    for (std::uint32_t head = 0; head < heads_.size(); ++head) {
      for (std::uint32_t part = 0; part < spec_.model.parts; ++part) {
        visit(RowId{content, layer, token, heads_.begin + head, part},
              row(ids, layer, token, head, part));
      }
    }
  }
}

void KvPool::add_parts(std::span<const std::uint32_t> ids, std::uint32_t layer,
                       TokenInterval tokens, Parts& parts) const {
  if (heads_.size() == 0) return;
  for (auto token = tokens.begin; token < tokens.end;) {
    const auto end = std::min(tokens.end, (token / spec_.block_tokens + 1) * spec_.block_tokens);
    for (std::uint32_t part = 0; part < spec_.model.parts; ++part) {
      const auto first = row(ids, layer, token, 0, part);
      const auto last = row(ids, layer, end - 1, heads_.size() - 1, part);
      parts.emplace_back(first.data(), last.data() + last.size());
    }
    token = end;
  }
}

Status KvPool::fill(const Prompt& prompt, std::span<const std::uint32_t> ids, std::uint32_t layer,
                    TokenInterval tokens) {
  for_each_row(prompt, ids, layer, tokens, [](const RowId& id, std::span<std::byte> bytes) {
    tools::fill_row(row_seed(id), bytes);
  });
  if (!mirror_) return {};
  Parts parts;
  add_parts(ids, layer, tokens, parts);
  return mirror_->to_gpu(parts);
}

Result<Mismatch> KvPool::verify(const Prompt& prompt, std::span<const std::uint32_t> ids,
                                TokenInterval tokens) const {
  if (mirror_) {
    Parts parts;
    for (std::uint32_t layer = 0; layer < layers_; ++layer) add_parts(ids, layer, tokens, parts);
    PEGAFLOW_TRY(mirror_->to_host(parts));
  }
  Mismatch mismatch;
  for (std::uint32_t layer = 0; layer < layers_; ++layer) {
    for_each_row(prompt, ids, layer, tokens, [&](const RowId& id, std::span<std::byte> bytes) {
      const auto seed = row_seed(id);
      if (!tools::row_matches(seed, bytes)) note_wrong_row(id, seed, bytes, mismatch);
    });
  }
  return mismatch;
}

Status KvPool::flip_bit(std::span<const std::uint32_t> ids, std::uint32_t layer,
                        std::uint32_t token) {
  const auto bytes = row(ids, layer, token, 0, 0);
  if (mirror_) PEGAFLOW_TRY(mirror_->to_host({&bytes, 1}));
  bytes[spec_.model.row_bytes() / 2] ^= std::byte{1};
  return mirror_ ? mirror_->to_gpu({&bytes, 1}) : Status();
}

}  // namespace pegaflow::demo
