// Models: the geometry of a model's KV cache, from config/models/*.json.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>

#include "pegaflow/kv_shape.h"
#include "pegaflow/result.h"

namespace pegaflow::demo {

struct Model {
  std::string name;
  std::string dtype;
  std::uint32_t layers = 0;
  std::uint32_t kv_heads = 0;  // 1: MLA
  std::uint32_t parts = 0;     // 2: K and V, 1: one tensor
  std::uint32_t head_elements = 0;
  std::uint32_t element_bytes = 0;  // follows from dtype

  // Of one head of one token in one part.
  std::uint32_t row_bytes() const { return head_elements * element_bytes; }
  // Of one token in all layers and heads.
  std::uint64_t token_bytes() const {
    return std::uint64_t{layers} * kv_heads * parts * row_bytes();
  }
  bool operator==(const Model&) const = default;
};

// kProtocol: "/layers: expected …, got …". Unknown keys are errors.
Result<Model> parse_model(std::string_view json);
// As parse_model, with the path in front of the message; kNotFound, kSystem for the file.
Result<Model> load_model(const std::filesystem::path& path);
// The text that parse_model reads.
std::string model_to_json(const Model& model);

// The shape of one tensor-parallel rank's pool. The fingerprint stands for name and geometry.
KvShape shape_of(const Model& model, std::uint32_t tp, std::uint32_t tp_size,
                 std::uint32_t block_tokens);

}  // namespace pegaflow::demo
