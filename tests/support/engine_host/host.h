// EngineHost: an engine process that tests drive by lines of JSON. It embeds the product's client
// and has a real pool; its KV content is a pattern of (key, layer, token, head, part, byte).
//
// Commands (one object a line, each answered by {"ok": …} or {"error": …}, in order):
//   {"do": "offer", "key": HEX, "tokens": N}            random blocks, filled with the pattern
//   {"do": "ready", "key": HEX, "layers": K}            layers [0, K) of all tokens are ready
//   {"do": "finish" | "withdraw" | "release", "key": HEX}
//   {"do": "rewind", "key": HEX, "token": T}
//   {"do": "receive", "key": HEX, "tokens": N, "begin": B, "source": NAME, "total_ms": MS, …}
//   {"do": "cancel", "key": HEX}
//   {"do": "intend", "key": HEX, "tokens": N, "source": NAME}
//   {"do": "check", "key": HEX}       → {"ok": wrong bytes} of a receive's blocks
//   {"do": "reuse", "key": HEX}       writes another pattern over its blocks
//   {"do": "changed", "key": HEX}     → {"ok": bytes that differ from what reuse wrote}
//   {"do": "overwrite", "key": HEX}   the offer's blocks are filled with junk
//   {"do": "free", "key": HEX}        its blocks may be used by others
//   {"do": "hold", "key": HEX, "token": T, "layer": L}   the next copy of that place waits …
//   {"do": "holding"}                 → {"ok": whether a copy waits}
//   {"do": "let_go"}                  … until now
//   {"do": "guard", "key": HEX}       from now on accesses to its blocks are counted
//   {"do": "touches"}                 → {"ok": accesses counted}
//   {"do": "reference"} {"do": "alive"}
// Events come between answers: {"event": "done", "key": HEX, "receive": true, "reason": "none", …}
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <random>
#include <string>
#include <vector>

#include "pegaflow/session.h"
#include "tests/core/layouts.h"
#include "tests/support/engine_host/page_trap.h"

namespace pegaflow::engine_host {

struct HostConfig {
  std::string socket;
  std::string instance;
  Rank rank;
  std::uint32_t layers = 4, heads = 4, head_bytes = 64, block_tokens = 16, n_blocks = 256;
  std::string style = "hnd";  // hnd | nhd | joined
};
Result<HostConfig> parse_config(const std::string& line);

class EngineHost {
 public:
  static Result<std::unique_ptr<EngineHost>> start(const HostConfig& config);
  // Runs one command; the answer is one JSON line.
  std::string command(const std::string& line);
  // Prints events until the session's end or `stop`.
  std::vector<std::string> wait_events(std::chrono::milliseconds timeout);

 private:
  struct Held {
    std::uint64_t seed = 0;
    std::uint32_t begin = 0, tokens = 0;
    std::vector<std::uint32_t> ids;    // from token 0 on
    std::vector<std::uint32_t> fresh;  // the ids of [begin, tokens)
  };
  EngineHost(HostConfig config, core::testing::TestPool pool, std::unique_ptr<Session> session,
             PoolHandle handle);

  nlohmann::json run(const nlohmann::json& command);
  nlohmann::json run_offer(const Key& key, const nlohmann::json& command);
  nlohmann::json run_receive(const Key& key, const nlohmann::json& command);
  nlohmann::json run_content(const std::string& what, const Key& key);
  std::optional<nlohmann::json> run_trap(const std::string& what, const nlohmann::json& command);
  nlohmann::json run_hold(const Held& held, const nlohmann::json& command);
  std::vector<PageTrap::Pages> pages_of(const Held& held) const;
  Status run_offer_call(const std::string& what, const Key& key, const nlohmann::json& command);
  Held take_blocks(const Key& key, std::uint32_t begin, std::uint32_t tokens);
  std::uint64_t wrong_bytes(const Held& held, std::uint64_t seed);

  HostConfig config_;
  core::testing::TestPool pool_;
  PoolHandle handle_;
  std::mt19937 random_{std::random_device{}()};
  std::vector<std::uint32_t> free_blocks_;
  std::map<Key, Held> held_;
  std::unique_ptr<Session> session_;  // last: ends before the memory does
};

}  // namespace pegaflow::engine_host
