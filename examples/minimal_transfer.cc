// The smallest complete transfer: two engines, a prefill and a decode one, in one program. Both
// keep KV for the same model, but lay it out differently and use different block sizes; PegaFlow
// moves it from one form into the other.
//
//   minimal_transfer PREFILL_SOCKET DECODE_SOCKET
//
// The sockets are those of two running agents with a link between them; examples/README.md shows
// how to start them.
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <memory>
#include <numeric>
#include <string>
#include <vector>

#include "pegaflow/session.h"

namespace {

using namespace pegaflow;

constexpr std::uint32_t kLayers = 4;
constexpr std::uint32_t kHeads = 2;
constexpr std::uint32_t kParts = 2;       // K and V
constexpr std::uint32_t kRowBytes = 128;  // one head of one token: 64 elements of 2 bytes
constexpr std::uint32_t kTokens = 100;
constexpr const char* kPrefillInstance = "minimal-prefill";
constexpr const char* kDecodeInstance = "minimal-decode";

// One engine's KV memory: [layer][part][block][token and head][row].
class Engine {
 public:
  Engine(std::uint32_t block_tokens, std::uint32_t n_blocks, bool heads_first)
      : block_tokens_(block_tokens),
        memory_(std::size_t{kLayers} * kParts * n_blocks * block_tokens * kHeads * kRowBytes) {
    const std::uint64_t block_bytes = std::uint64_t{block_tokens} * kHeads * kRowBytes;
    const std::uint64_t part_bytes = block_bytes * n_blocks;
    auto base = reinterpret_cast<std::uint64_t>(memory_.data());

    KvGroupShape group;  // all layers share one block table
    group.stage_bounds = {0, kLayers};
    group.heads_total = kHeads;
    group.parts = kParts;
    group.part_bytes = {kRowBytes, kRowBytes};
    group.element_bytes = 2;
    group.block_tokens = block_tokens;
    layout_.shape.groups = {group};
    layout_.shape.fingerprint = {1, 2, 3};  // of the model: must be the same at both engines

    KvGroupLayout lies;
    lies.n_blocks = n_blocks;
    for (std::uint32_t layer = 0; layer < kLayers; ++layer, base += kParts * part_bytes) {
      KvLayerLayout strides;
      strides.part_base = {base, base + part_bytes};
      strides.block_stride = block_bytes;
      strides.token_stride = heads_first ? kRowBytes : kHeads * kRowBytes;
      strides.head_stride = heads_first ? std::uint64_t{block_tokens} * kRowBytes : kRowBytes;
      lies.layers.push_back(strides);
    }
    layout_.groups = {lies};
    layout_.allocations = {{reinterpret_cast<std::uint64_t>(memory_.data()), memory_.size()}};
  }

  Status connect(const std::string& socket, const std::string& instance) {
    SessionConfig config;
    config.socket_path = socket;
    config.instance = instance;
    PEGAFLOW_ASSIGN(session_, Session::connect(config));
    PEGAFLOW_ASSIGN(pool_, session_->add_pool(layout_));
    return {};
  }

  // Calls visit(first byte, expected value) for every row of a prompt in these blocks.
  template <typename Visit>
  void for_each_row(const std::vector<std::uint32_t>& ids, std::uint32_t layer, Visit&& visit) {
    const auto& lies = layout_.groups[0].layers[layer];
    for (std::uint32_t row = 0; row < kTokens * kHeads * kParts; ++row) {
      const auto part = row % kParts;
      const auto head = row / kParts % kHeads;
      const auto token = row / kParts / kHeads;
      const auto address = lies.part_base[part] + ids[token / block_tokens_] * lies.block_stride +
                           token % block_tokens_ * lies.token_stride + head * lies.head_stride;
      visit(*reinterpret_cast<std::byte*>(address),
            static_cast<std::byte>(1 + (layer * 31 + row) % 251));
    }
  }

  std::vector<std::uint32_t> blocks_from(std::uint32_t first) const {
    std::vector<std::uint32_t> ids((kTokens + block_tokens_ - 1) / block_tokens_);
    std::iota(ids.begin(), ids.end(), first);
    return ids;
  }

  Session& session() { return *session_; }
  PoolHandle pool() const { return pool_; }

 private:
  std::uint32_t block_tokens_;
  std::vector<std::byte> memory_;  // outlives the session that copies from and into it
  KvLayout layout_;
  PoolHandle pool_;
  std::unique_ptr<Session> session_;
};

// Prefill: offer the prompt under `key`, then compute layer by layer and say what is ready.
Status prefill(Engine& engine, const Key& key, const std::vector<std::uint32_t>& ids) {
  auto& session = engine.session();
  OfferSpec offer;
  offer.key = key;
  offer.pool = engine.pool();
  offer.n_tokens = kTokens;
  PEGAFLOW_TRY(session.offer(offer));
  PEGAFLOW_TRY(session.table(key, 0, 0, ids, true));
  for (std::uint32_t layer = 0; layer < kLayers; ++layer) {
    engine.for_each_row(ids, layer, [](std::byte& byte, std::byte value) { byte = value; });
    PEGAFLOW_TRY(session.mark_ready(key, 0, {layer, layer + 1}, {0, kTokens}));
  }
  return session.finish(key);
}

// Decode: ask for the whole prompt into these blocks.
Status ask(Engine& engine, const Key& key, const std::vector<std::uint32_t>& ids) {
  ReceiveSpec receive;
  receive.key = key;
  receive.pool = engine.pool();
  receive.source = {kPrefillInstance, 0};
  receive.n_tokens = kTokens;
  receive.groups = {{{0, kTokens}, ids}};
  return engine.session().receive(receive);
}

// Waits for the end of this session's transfer.
Status wait_for_end(Session& session, const char* side) {
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(30);
  while (std::chrono::steady_clock::now() < deadline) {
    for (const auto& event : session.wait(std::chrono::milliseconds(100))) {
      if (event.kind == EventKind::kDone) return {};
      if (event.kind == EventKind::kSent) continue;  // P's blocks may be reused from here on
      return Error(Code::kInternal, std::string(side) + ": " + std::string(to_string(event.kind)) +
                                        ", " + std::string(to_string(event.reason)) + " " +
                                        event.detail);
    }
  }
  return Error(Code::kDeadlineExceeded, std::string(side) + ": no end within 30 s");
}

Status check(Engine& engine, const std::vector<std::uint32_t>& ids) {
  std::uint32_t wrong = 0;
  for (std::uint32_t layer = 0; layer < kLayers; ++layer) {
    engine.for_each_row(ids, layer,
                        [&](std::byte& byte, std::byte value) { wrong += byte == value ? 0 : 1; });
  }
  if (wrong == 0) return {};
  return Error(Code::kInternal, std::to_string(wrong) + " rows are wrong");
}

Status run(const std::string& prefill_socket, const std::string& decode_socket) {
  Engine p(16, 16, true);   // [head][token], blocks of 16 tokens
  Engine d(32, 16, false);  // [token][head], blocks of 32
  PEGAFLOW_TRY(p.connect(prefill_socket, kPrefillInstance));
  PEGAFLOW_TRY(d.connect(decode_socket, kDecodeInstance));

  const auto key = Key::random();  // in a deployment the request's parameters carry it to D
  const auto d_ids = d.blocks_from(3);
  PEGAFLOW_TRY(ask(d, key, d_ids));  // D may ask before P has offered
  PEGAFLOW_TRY(prefill(p, key, p.blocks_from(5)));
  PEGAFLOW_TRY(wait_for_end(d.session(), "decode"));
  PEGAFLOW_TRY(wait_for_end(p.session(), "prefill"));
  return check(d, d_ids);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) {
    std::fprintf(stderr, "usage: minimal_transfer PREFILL_SOCKET DECODE_SOCKET\n");
    return 2;
  }
  const auto status = run(argv[1], argv[2]);
  if (!status.ok()) {
    std::fprintf(stderr, "minimal_transfer: %s\n", status.error().message().c_str());
    return 1;
  }
  std::printf("%u tokens moved, every row right\n", kTokens);
  return 0;
}
