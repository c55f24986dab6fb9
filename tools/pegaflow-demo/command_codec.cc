#include <nlohmann/json.hpp>

#include "base/json_view.h"
#include "pegaflow-demo/messages.h"

namespace pegaflow::demo {
namespace {

using nlohmann::json;

constexpr std::uint32_t kMaxCount = 1u << 30;
constexpr std::size_t kMaxTiles = 1u << 16;

json to_json(const EngineSetup& setup) {
  const auto& pool = setup.pool;
  return {{"type", "setup"},
          {"role", setup.role == EngineRole::kProducer ? "producer" : "consumer"},
          {"instance", setup.instance},
          {"source_instance", setup.source_instance},
          {"socket_path", setup.socket_path},
          {"model", model_to_json(pool.model)},
          {"tp", pool.tp},
          {"tp_size", pool.tp_size},
          {"layout", pool.layout},
          {"block_tokens", pool.block_tokens},
          {"n_blocks", pool.n_blocks},
          {"gpu", pool.gpu},
          {"push", setup.push == Push::kLayer ? "layer" : "request"},
          {"compute_ns", setup.compute_ns},
          {"seed", setup.seed}};
}

json to_json(const Submit& submit) {
  return {{"type", "submit"},
          {"id", submit.id},
          {"key", submit.key.to_hex()},
          {"n_tokens", submit.prompt.n_tokens},
          {"tile_tokens", submit.prompt.tile_tokens},
          {"tiles", submit.prompt.tiles},
          {"corrupt", submit.corrupt}};
}

json to_json(const Abandon& abandon) { return {{"type", "abandon"}, {"id", abandon.id}}; }
json to_json(const Quit& /*quit*/) { return {{"type", "quit"}}; }

void read_pool(const JsonView& view, KvPoolSpec& pool) {
  auto model = parse_model(view["model"].text({1, 1024, nullptr}));
  if (!model.ok()) view["model"].fault(model.error().message());
  if (model.ok()) pool.model = *model;
  pool.tp = view["tp"].number<std::uint32_t>(0, 1023);
  pool.tp_size = view["tp_size"].number<std::uint32_t>(1, 1024);
  pool.layout = view["layout"].text(kNameRule);
  pool.block_tokens = view["block_tokens"].number<std::uint32_t>(1, 65'536);
  pool.n_blocks = view["n_blocks"].number<std::uint32_t>(1, kMaxCount);
  pool.gpu = view["gpu"].text({0, 64, nullptr});
}

EngineSetup read_setup(const JsonView& view) {
  EngineSetup setup;
  if (!view.object({"type", "role", "instance", "source_instance", "socket_path", "model", "tp",
                    "tp_size", "layout", "block_tokens", "n_blocks", "gpu", "push", "compute_ns",
                    "seed"})) {
    return setup;
  }
  setup.role = view["role"].one_of({"producer", "consumer"}) == 0 ? EngineRole::kProducer
                                                                  : EngineRole::kConsumer;
  setup.instance = view["instance"].text(kNameRule);
  setup.source_instance = view["source_instance"].text(kNameRule);
  setup.socket_path = view["socket_path"].text({1, 107, nullptr});
  read_pool(view, setup.pool);
  setup.push = view["push"].one_of({"layer", "request"}) == 0 ? Push::kLayer : Push::kRequest;
  setup.compute_ns = view["compute_ns"].number<std::uint32_t>(0, 1'000'000'000);
  setup.seed = view["seed"].integer(0, UINT64_MAX);
  return setup;
}

void read_prompt(const JsonView& view, Prompt& prompt) {
  prompt.n_tokens = view["n_tokens"].number<std::uint32_t>(1, kMaxCount);
  prompt.tile_tokens = view["tile_tokens"].number<std::uint32_t>(1, kTraceBlockTokens);
  if (!view.faults().empty()) return;
  const std::size_t tiles = (prompt.n_tokens + prompt.tile_tokens - 1) / prompt.tile_tokens;
  if (tiles > kMaxTiles) view["n_tokens"].expected("at most 65536 tiles of tokens");
  for (const auto& tile : view["tiles"].array(tiles, tiles)) {
    prompt.tiles.push_back(tile.integer(0, UINT64_MAX));
  }
}

Submit read_submit(const JsonView& view) {
  Submit submit;
  if (!view.object({"type", "id", "key", "n_tokens", "tile_tokens", "tiles", "corrupt"})) {
    return submit;
  }
  submit.id = view["id"].number<std::uint32_t>(0, UINT32_MAX);
  view["key"].hex(submit.key.bytes);
  read_prompt(view, submit.prompt);
  submit.corrupt = view["corrupt"].boolean();
  return submit;
}

Abandon read_abandon(const JsonView& view) {
  if (!view.object({"type", "id"})) return {};
  return {view["id"].number<std::uint32_t>(0, UINT32_MAX)};
}

Command read_command(const JsonView& view) {
  switch (view["type"].one_of({"setup", "submit", "abandon", "quit"})) {
    case 0:
      return read_setup(view);
    case 1:
      return read_submit(view);
    case 2:
      return read_abandon(view);
    default:
      view.object({"type"});
      return Quit{};
  }
}

}  // namespace

std::string encode(const Command& command) {
  return json_text(std::visit([](const auto& one) { return to_json(one); }, command));
}

Result<Command> decode_command(std::string_view text) {
  PEGAFLOW_ASSIGN(const auto document, parse_json(text));
  JsonFaults faults;
  auto command = read_command(JsonView(document, faults));
  PEGAFLOW_TRY(faults.status(Code::kProtocol));
  return command;
}

}  // namespace pegaflow::demo
