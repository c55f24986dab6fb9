// What the demo's parent and its engine processes tell each other: one JSON object a message.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include "pegaflow-demo/kv_pool.h"
#include "pegaflow-demo/prompt.h"
#include "pegaflow/key.h"
#include "pegaflow/result.h"
#include "pegaflow/transfer.h"

namespace pegaflow::demo {

enum class EngineRole : std::uint8_t { kProducer, kConsumer };
// When P tells that KV is ready: after each layer, or after the whole request.
enum class Push : std::uint8_t { kLayer, kRequest };

// ---- parent → engine

// The first message: what this engine is.
struct EngineSetup {
  EngineRole role = EngineRole::kProducer;
  std::string instance;         // its own deployment
  std::string source_instance;  // consumers: where KV comes from
  std::string socket_path;      // its agent
  KvPoolSpec pool;
  Push push = Push::kLayer;
  std::uint32_t compute_ns = 0;  // producers: simulated compute time per token and layer
  std::uint64_t seed = 0;        // of the random choice of blocks
};
struct Submit {
  std::uint32_t id = 0;
  Key key;
  Prompt prompt;
  bool corrupt = false;  // consumers: damage a byte before comparing
};
// The request failed elsewhere: withdraw the offer, cancel the receive.
struct Abandon {
  std::uint32_t id = 0;
};
struct Quit {};
using Command = std::variant<EngineSetup, Submit, Abandon, Quit>;

// ---- engine → parent. Times are CLOCK_MONOTONIC, comparable between processes of this host.

struct EngineUp {
  std::uint64_t pool_bytes = 0;
};
// All of a prompt's KV is marked ready.
struct Produced {
  std::uint32_t id = 0;
  std::uint32_t cached_tokens = 0;   // from P's prefix cache
  std::uint64_t first_ready_ns = 0;  // the first mark_cached or mark_ready
  std::uint64_t last_ready_ns = 0;   // the last mark_ready
};
struct OfferEnded {
  std::uint32_t id = 0;
  EventKind kind{};
  Reason reason{};
  std::string detail;
};
struct Received {
  std::uint32_t id = 0;
  std::uint32_t cached_tokens = 0;  // that D had already and did not receive
  std::uint64_t done_ns = 0;        // kDone seen by the engine
  TransferStats stats;
};
struct ReceiveFailed {
  std::uint32_t id = 0;
  EventKind kind{};
  Reason reason{};
  std::string detail;
};
// After Received, when every byte was compared.
struct Verified {
  std::uint32_t id = 0;
  std::uint64_t wrong_bytes = 0;
  std::string first;  // what was wrong first
};
// The engine cannot go on and ends.
struct EngineFailed {
  std::string message;
};
using Report =
    std::variant<EngineUp, Produced, OfferEnded, Received, ReceiveFailed, Verified, EngineFailed>;

std::string encode(const Command& command);
std::string encode(const Report& report);
// kProtocol, with a JSON pointer.
Result<Command> decode_command(std::string_view text);
Result<Report> decode_report(std::string_view text);

}  // namespace pegaflow::demo
