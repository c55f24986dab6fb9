// KvPool: one engine rank's KV memory and its layout; fills blocks with the pattern and compares
// them with it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/ranks.h"
#include "pegaflow-demo/model.h"
#include "pegaflow-demo/prompt.h"
#include "pegaflow/kv_layout.h"
#include "pegaflow/result.h"
#include "pegaflow/session.h"
#include "support/gpu_mirror.h"

namespace pegaflow::demo {

struct KvPoolSpec {
  Model model;
  std::uint32_t tp = 0, tp_size = 1;
  std::string layout;  // a name of layout_names.h
  std::uint32_t block_tokens = 0;
  std::uint32_t n_blocks = 0;
  std::string gpu = {};  // whose memory, as the driver names it; empty: host memory
};

// What comparing found; empty `first` iff no byte is wrong.
struct Mismatch {
  std::uint64_t wrong_bytes = 0;
  std::string first;  // "layer 3, token 17, head 2, part 1, byte 40: expected 0x5b, found 0x5a"
};

// On a GPU the pool has a twin in host memory: fill() writes there and copies to the GPU, verify()
// copies from it. Content may be read and written by several threads as long as they touch
// different blocks.
class KvPool {
 public:
  // Allocates and touches all memory. kInvalidArgument, kResourceExhausted; kNotFound,
  // kUnsupported: the GPU.
  static Result<std::unique_ptr<KvPool>> create(const KvPoolSpec& spec);
  ~KvPool();
  KvPool(const KvPool&) = delete;
  KvPool& operator=(const KvPool&) = delete;

  const KvLayout& layout() const { return layout_; }
  std::uint64_t bytes() const;
  // KV bytes of `tokens` tokens in this rank.
  std::uint64_t bytes_of(std::uint32_t tokens) const;
  std::uint32_t layers() const { return layers_; }
  std::uint32_t block_tokens() const { return spec_.block_tokens; }

  // Computes: writes the pattern of `tokens` of one layer. `ids[i]` holds the prompt's tokens
  // [i·block_tokens, …). Fails only when the GPU does; so do the others.
  Status fill(const Prompt& prompt, std::span<const std::uint32_t> ids, std::uint32_t layer,
              TokenInterval tokens);
  // Compares all layers of `tokens` with the pattern.
  Result<Mismatch> verify(const Prompt& prompt, std::span<const std::uint32_t> ids,
                          TokenInterval tokens) const;
  // Flips one bit of one byte of a token's content (the negative control).
  Status flip_bit(std::span<const std::uint32_t> ids, std::uint32_t layer, std::uint32_t token);

 private:
  using Parts = std::vector<std::span<std::byte>>;
  explicit KvPool(const KvPoolSpec& spec);
  Result<std::uint64_t> map(std::uint64_t bytes);
  Status move_to_gpu();
  std::span<std::byte> row(std::span<const std::uint32_t> ids, std::uint32_t layer,
                           std::uint32_t token, std::uint32_t head, std::uint32_t part) const;
  // Where the layer's bytes of these tokens lie, each part of a block whole.
  void add_parts(std::span<const std::uint32_t> ids, std::uint32_t layer, TokenInterval tokens,
                 Parts& parts) const;
  // Calls visit(RowId, row) for every row of the layer and tokens.
  template <typename Visit>
  void for_each_row(const Prompt& prompt, std::span<const std::uint32_t> ids, std::uint32_t layer,
                    TokenInterval tokens, Visit&& visit) const;

  KvPoolSpec spec_;
  KvLayout layout_;
  std::uint32_t layers_ = 0;
  core::HeadRange heads_;
  std::vector<KvLayerLayout> rows_;  // layout_'s layers, by the addresses of the host's twin
  std::vector<std::span<std::byte>> mappings_;
  std::unique_ptr<tools::GpuMirror> mirror_;  // null: host memory
};

}  // namespace pegaflow::demo
