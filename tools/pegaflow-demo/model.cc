#include "pegaflow-demo/model.h"

#include <array>
#include <cstddef>
#include <cstring>

#include "base/json_view.h"
#include "support/mix.h"
#include "support/text_file.h"

namespace pegaflow::demo {
namespace {

// Element bytes of the dtypes, in the order parse_model names them.
constexpr std::array<std::uint32_t, 4> kDtypeBytes = {2, 2, 4, 1};

Fingerprint fingerprint_of(const Model& model) {
  Fingerprint fingerprint{};
  const auto text = model_to_json(model);
  for (std::size_t i = 0; i < fingerprint.size(); i += sizeof(std::uint64_t)) {
    const std::uint64_t word = tools::mix_text(i, text);
    std::memcpy(fingerprint.data() + i, &word, sizeof word);
  }
  return fingerprint;
}

}  // namespace

Result<Model> parse_model(std::string_view json) {
  PEGAFLOW_ASSIGN(const auto document, parse_json(json));
  JsonFaults faults;
  const JsonView view(document, faults);
  Model model;
  if (view.object({"name", "dtype", "layers", "kv_heads", "parts", "head_elements"})) {
    model.name = view["name"].text(kNameRule);
    const auto dtype = view["dtype"];
    model.element_bytes =
        kDtypeBytes.at(dtype.one_of({"bfloat16", "float16", "float32", "fp8_e4m3"}));
    model.dtype = dtype.text(TextRule{});
    model.layers = view["layers"].number<std::uint32_t>(1, 1024);
    model.kv_heads = view["kv_heads"].number<std::uint32_t>(1, 1024);
    model.parts = view["parts"].number<std::uint32_t>(1, 2);
    model.head_elements = view["head_elements"].number<std::uint32_t>(1, 16384);
  }
  PEGAFLOW_TRY(faults.status(Code::kProtocol));
  return model;
}

Result<Model> load_model(const std::filesystem::path& path) {
  constexpr std::size_t kMaxModelBytes = std::size_t{64} * 1024;
  PEGAFLOW_ASSIGN(const auto text, tools::read_text_file(path, kMaxModelBytes));
  auto model = parse_model(text);
  if (!model.ok()) return model.error().within(path.string());
  return model;
}

std::string model_to_json(const Model& model) {
  return json_text({{"name", model.name},
                    {"dtype", model.dtype},
                    {"layers", model.layers},
                    {"kv_heads", model.kv_heads},
                    {"parts", model.parts},
                    {"head_elements", model.head_elements}});
}

KvShape shape_of(const Model& model, std::uint32_t tp, std::uint32_t tp_size,
                 std::uint32_t block_tokens) {
  KvGroupShape group;
  group.stage_bounds = {0, model.layers};
  group.heads_total = model.kv_heads;
  group.parts = model.parts;
  group.part_bytes = {model.row_bytes(), model.parts == 2 ? model.row_bytes() : 0};
  group.element_bytes = model.element_bytes;
  group.block_tokens = block_tokens;
  KvShape shape;
  shape.rank.tp = tp;
  shape.rank.tp_size = tp_size;
  shape.groups = {group};
  shape.fingerprint = fingerprint_of(model);
  return shape;
}

}  // namespace pegaflow::demo
