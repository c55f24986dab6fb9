#include "tests/support/engine_host/host.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/check.h"

namespace pegaflow::engine_host {
namespace {

using nlohmann::json;

std::uint64_t seed_of(const Key& key) { return std::hash<Key>{}(key); }

std::uint64_t reuse_seed(const Key& key) { return ~seed_of(key); }

core::BlockStyle style_of(const std::string& name) {
  if (name == "nhd") return core::BlockStyle::kPartNhd;
  if (name == "joined") return core::BlockStyle::kBlockPartHnd;
  return core::BlockStyle::kPartHnd;
}

KvShape shape_of(const HostConfig& config, std::uint64_t incarnation) {
  KvGroupShape group;
  group.stage_bounds = core::even_stages(config.layers, config.rank.pp_size);
  group.heads_total = config.heads;
  group.parts = 2;
  group.part_bytes = {config.head_bytes, config.head_bytes};
  group.element_bytes = 2;
  group.block_tokens = config.block_tokens;
  KvShape shape;
  shape.rank = config.rank;
  shape.groups.push_back(group);
  shape.incarnation = incarnation;
  return shape;
}

ContentHash content_of(const json& command) {
  ContentHash content{};
  content[0] = static_cast<std::uint8_t>(command.value("content", 0));
  return content;
}

std::chrono::milliseconds millis(const json& command, const char* name) {
  return std::chrono::milliseconds(command.value(name, 0));
}

json answer(const Status& status) {
  if (status.ok()) return {{"ok", true}};
  return {{"error", status.error().message()}, {"code", to_string(status.error().code())}};
}

}  // namespace

Result<HostConfig> parse_config(const std::string& line) {
  const json text = json::parse(line, nullptr, false);
  if (!text.is_object())
    return Error(Code::kInvalidArgument, "the first line is the config object");
  HostConfig config;
  config.socket = text.value("socket", "");
  config.instance = text.value("instance", "");
  config.rank.tp = text.value("tp", 0U);
  config.rank.tp_size = text.value("tp_size", 1U);
  config.layers = text.value("layers", config.layers);
  config.heads = text.value("heads", config.heads);
  config.head_bytes = text.value("head_bytes", config.head_bytes);
  config.block_tokens = text.value("block_tokens", config.block_tokens);
  config.n_blocks = text.value("n_blocks", config.n_blocks);
  config.style = text.value("style", config.style);
  return config;
}

Result<std::unique_ptr<EngineHost>> EngineHost::start(const HostConfig& config) {
  SessionConfig session_config;
  session_config.socket_path = config.socket;
  session_config.instance = config.instance;
  session_config.rank = config.rank;
  PEGAFLOW_ASSIGN(auto session, Session::connect(session_config));
  const core::GroupStyle style{style_of(config.style), core::Placement::kPerLayer, config.n_blocks,
                               0};
  core::testing::TestPool pool(shape_of(config, session->reference()), {&style, 1});
  PEGAFLOW_ASSIGN(const PoolHandle handle, session->add_pool(pool.layout()));
  return std::unique_ptr<EngineHost>(
      new EngineHost(config, std::move(pool), std::move(session), handle));
}

EngineHost::EngineHost(HostConfig config, core::testing::TestPool pool,
                       std::unique_ptr<Session> session, PoolHandle handle)
    : config_(std::move(config)),
      pool_(std::move(pool)),
      handle_(handle),
      session_(std::move(session)) {
  for (std::uint32_t i = 0; i < config_.n_blocks; ++i) free_blocks_.push_back(i);
  std::vector<PageTrap::Pages> arenas;
  for (const auto& memory : pool_.memory()) {
    const auto begin = reinterpret_cast<std::uintptr_t>(memory.data());
    arenas.push_back({begin, begin + memory.size()});
  }
  PageTrap::install(arenas);
}

std::string EngineHost::command(const std::string& line) {
  const json command = json::parse(line, nullptr, false);
  if (!command.is_object() || !command.contains("do")) return R"({"error": "not a command"})";
  return run(command).dump();
}

json EngineHost::run(const json& command) {
  const auto what = command["do"].get<std::string>();
  if (what == "reference") return {{"ok", session_->reference()}};
  if (what == "alive") return {{"ok", session_->alive()}};
  if (auto done = run_trap(what, command)) return *done;
  const auto key = Key::from_hex(command.value("key", ""));
  if (!key.ok()) return {{"error", key.error().message()}};
  if (what == "offer") return run_offer(*key, command);
  if (what == "receive") return run_receive(*key, command);
  if (what == "check" || what == "reuse" || what == "changed" || what == "overwrite" ||
      what == "free" || what == "guard") {
    return run_content(what, *key);
  }
  return answer(run_offer_call(what, *key, command));
}

Status EngineHost::run_offer_call(const std::string& what, const Key& key, const json& command) {
  if (what == "finish") return session_->finish(key);
  if (what == "withdraw") return session_->withdraw(key, Reason::kWithdrawn);
  if (what == "cancel") return session_->cancel(key);
  if (what == "rewind") return session_->rewind(key, command.value("token", 0U));
  if (what == "release") return session_->release(key, {command.value("source", ""), 0});
  if (what == "ready") {
    const std::uint32_t layers = command.value("layers", config_.layers);
    return session_->mark_ready(key, 0, {0, layers}, {0, held_[key].tokens});
  }
  if (what == "intend") {
    IntendSpec intent;
    intent.key = key;
    intent.source = {command.value("source", ""), 0};
    intent.n_tokens = command.value("tokens", 0U);
    intent.content = content_of(command);
    return session_->intend(intent);
  }
  return Error(Code::kInvalidArgument, "unknown command '" + what + "'");
}

EngineHost::Held EngineHost::take_blocks(const Key& key, std::uint32_t begin,
                                         std::uint32_t tokens) {
  const std::uint32_t n = (tokens + config_.block_tokens - 1) / config_.block_tokens;
  PEGAFLOW_CHECK(free_blocks_.size() >= n);
  std::shuffle(free_blocks_.begin(), free_blocks_.end(), random_);
  Held held{seed_of(key), begin, tokens, {}, {}};
  held.ids.assign(free_blocks_.end() - n, free_blocks_.end());
  free_blocks_.resize(free_blocks_.size() - n);
  held.fresh.assign(held.ids.begin() + begin / config_.block_tokens, held.ids.end());
  return held;
}

json EngineHost::run_offer(const Key& key, const json& command) {
  Held held = take_blocks(key, 0, command.value("tokens", 0U));
  pool_.fill(held.seed, 0, 0, held.tokens, held.ids);
  OfferSpec offer;
  offer.key = key;
  offer.pool = handle_;
  offer.n_tokens = held.tokens;
  offer.content = content_of(command);
  offer.lease = millis(command, "lease_ms");
  const Status offered = session_->offer(offer);
  if (!offered.ok()) return answer(offered);
  held_[key] = held;
  return answer(session_->table(key, 0, 0, held.ids, false));
}

json EngineHost::run_receive(const Key& key, const json& command) {
  const std::uint32_t begin = command.value("begin", 0U);
  const Held held = take_blocks(key, begin, command.value("tokens", 0U));
  ReceiveSpec spec;
  spec.key = key;
  spec.pool = handle_;
  spec.source = {command.value("source", ""), 0};
  spec.n_tokens = held.tokens;
  spec.content = content_of(command);
  spec.reference = command.value("reference", std::uint64_t{0});
  spec.groups.push_back({{begin, held.tokens}, held.fresh});
  spec.offer_wait = millis(command, "offer_wait_ms");
  spec.compute = millis(command, "compute_ms");
  spec.total = millis(command, "total_ms");
  const Status received = session_->receive(spec);
  if (received.ok()) held_[key] = held;
  return answer(received);
}

std::uint64_t EngineHost::wrong_bytes(const Held& held, std::uint64_t seed) {
  std::uint64_t wrong = 0;
  core::testing::for_each_byte(
      pool_.shape(), 0, held.begin, held.tokens, [&](const core::testing::KvByte& at) {
        if (pool_.at(at, held.ids) != core::testing::expected_byte(seed, at)) {
          ++wrong;
        }
      });
  return wrong;
}

json EngineHost::run_content(const std::string& what, const Key& key) {
  const auto at = held_.find(key);
  if (at == held_.end()) return {{"error", "no blocks are held for this key"}};
  const Held& held = at->second;
  if (what == "check") return {{"ok", wrong_bytes(held, held.seed)}};
  if (what == "changed") return {{"ok", wrong_bytes(held, reuse_seed(key))}};
  if (what == "guard") {
    PageTrap::guard(pages_of(held));
    return {{"ok", true}};
  }
  if (what == "free") {
    PageTrap::unguard(pages_of(held));
    free_blocks_.insert(free_blocks_.end(), held.ids.begin(), held.ids.end());
    held_.erase(at);
    return {{"ok", true}};
  }
  pool_.fill(reuse_seed(key), 0, held.begin, held.tokens, held.ids);  // reuse, overwrite
  return {{"ok", true}};
}

std::optional<json> EngineHost::run_trap(const std::string& what, const json& command) {
  if (what == "holding") return json{{"ok", PageTrap::holding()}};
  if (what == "touches") return json{{"ok", PageTrap::touches()}};
  if (what == "let_go") {
    PageTrap::release();
    return json{{"ok", true}};
  }
  if (what != "hold") return std::nullopt;
  const auto key = Key::from_hex(command.value("key", ""));
  const auto at = key.ok() ? held_.find(*key) : held_.end();
  if (at == held_.end()) return json{{"error", "no blocks are held for this key"}};
  return run_hold(at->second, command);
}

json EngineHost::run_hold(const Held& held, const json& command) {
  core::testing::KvByte place;
  place.token = command.value("token", held.begin);
  place.layer = command.value("layer", 0U);
  if (place.token >= held.tokens || place.layer >= config_.layers) {
    return {{"error", "the pool has no such token or layer"}};
  }
  const auto address = reinterpret_cast<std::uintptr_t>(&pool_.at(place, held.ids));
  const std::uintptr_t page = address / PageTrap::kPageBytes * PageTrap::kPageBytes;
  PageTrap::hold({page, page + PageTrap::kPageBytes});
  return {{"ok", true}};
}

// The pages that hold nothing but these blocks.
std::vector<PageTrap::Pages> EngineHost::pages_of(const Held& held) const {
  std::vector<PageTrap::Pages> all;
  for (const KvLayerLayout& layer : pool_.layout().groups[0].layers) {
    for (const std::uint64_t base : layer.part_base) {
      for (const std::uint32_t id : held.ids) {
        const std::uint64_t begin = base + id * layer.block_stride;
        const std::uint64_t end = begin + std::uint64_t{config_.block_tokens} *
                                              (config_.heads / config_.rank.tp_size) *
                                              config_.head_bytes;
        const std::uint64_t first = (begin + PageTrap::kPageBytes - 1) / PageTrap::kPageBytes;
        const std::uint64_t last = end / PageTrap::kPageBytes;
        if (first < last)
          all.push_back({first * PageTrap::kPageBytes, last * PageTrap::kPageBytes});
      }
    }
  }
  return all;
}

std::vector<std::string> EngineHost::wait_events(std::chrono::milliseconds timeout) {
  std::vector<std::string> lines;
  for (const Event& event : session_->wait(timeout)) {
    const json line = {{"event", to_string(event.kind)}, {"key", event.key.to_hex()},
                       {"receive", event.receive},       {"reason", to_string(event.reason)},
                       {"detail", event.detail},         {"valid_tokens", event.valid_tokens},
                       {"bytes", event.stats.bytes}};
    lines.push_back(line.dump());
  }
  return lines;
}

}  // namespace pegaflow::engine_host
