// Once a transfer flows, nothing is allocated per chunk: by agents, clients, or what lies between
// them, on every kind of link. Everything runs in this process. UCX's own memory comes from malloc
// and is not counted.
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <fstream>
#include <nlohmann/json.hpp>
#include <numeric>
#include <thread>

#include "core/layout_builder.h"
#include "pegaflow/agent.h"
#include "pegaflow/session.h"
#include "support/side.h"
#include "tests/support/counted_allocations.h"

namespace pegaflow::agent {
namespace {

using pegaflow::testing::allocations;

using nlohmann::json;
using std::chrono::seconds;

constexpr std::uint32_t kChunkBytes = 65536;
constexpr std::uint32_t kChunks = 160;
constexpr std::uint32_t kRound = 8;  // chunks that are made ready together
constexpr std::uint32_t kTokenBytes = 4096;
constexpr std::uint32_t kBlockTokens = 16;  // a block is a chunk
constexpr std::uint32_t kTokens = kChunks * kBlockTokens;

template <typename Condition>
bool until(Condition&& condition) {
  const auto end = std::chrono::steady_clock::now() + seconds(60);
  while (!condition()) {
    if (std::chrono::steady_clock::now() > end) return false;
    std::this_thread::yield();
  }
  return true;
}

struct Way {
  const char* name;
  json link;
};

class Allocations : public ::testing::TestWithParam<Way> {
 protected:
  static KvLayout layout(std::vector<std::byte>& memory) {
    KvGroupShape group;
    group.stage_bounds = {0, 1};
    group.heads_total = 1;
    group.parts = 1;
    group.part_bytes = {kTokenBytes, 0};
    group.element_bytes = 2;
    group.block_tokens = kBlockTokens;
    KvShape shape;
    shape.groups = {group};
    const core::GroupStyle style{core::BlockStyle::kNhdKv, core::Placement::kLayerFirst, kChunks,
                                 0};
    return core::make_layout(std::move(shape), {&style, 1}, MemoryKind::kHost,
                             [&](std::uint64_t) -> Result<std::uint64_t> {
                               return reinterpret_cast<std::uint64_t>(memory.data());
                             })
        .value();
  }

  json node(const std::string& name, const std::string& role) const {
    const auto address = [] { return "127.0.0.1:" + std::to_string(free_port()); };
    return {{"name", name},
            {"host", "test"},
            {"role", role},
            {"control", address()},
            {"http", address()},
            {"socket", socket(name)},
            {"regions",
             {{{"name", "staging"},
               {"memory", "host"},
               {"slot_bytes", kChunkBytes},
               {"slot_count", 16}}}},
            {"ucx", {{"tls", "tcp"}}}};
  }
  std::string socket(const std::string& name) const { return dir_.path() + "/" + name; }

  void start_agents() {
    json link = {{"from", "p"}, {"to", "d"}, {"window", 4}, {"chunk_bytes", kChunkBytes}};
    link.update(GetParam().link);
    const json topology = {
        {"cluster", "test"},
        {"rendezvous", "http://127.0.0.1:" + std::to_string(free_port())},  // nobody there
        {"nodes", {node("p", "prefill"), node("d", "decode")}},
        {"links", {link}}};
    const std::string path = dir_.path() + "/topology.json";
    std::ofstream(path) << topology.dump();
    for (const char* name : {"p", "d"}) {
      agents_.push_back(
          Agent::start({.topology_path = path, .node = name, .log_level = "off"}).value());
    }
  }
  std::unique_ptr<Session> engine(const std::string& name, std::vector<std::byte>& memory,
                                  PoolHandle& pool) const {
    SessionConfig config;
    config.socket_path = socket(name);
    config.instance = name;
    auto session = Session::connect(config).value();
    pool = session->add_pool(layout(memory)).value();
    return session;
  }
  // The target's last byte of a chunk has come.
  bool arrived(std::uint32_t chunk) {
    std::byte& last = to_[std::size_t{chunk + 1} * kChunkBytes - 1];
    return std::atomic_ref(last).load() == std::byte{1};
  }

  TempDir dir_;
  std::vector<std::byte> from_ = std::vector<std::byte>(kChunks * kChunkBytes, std::byte{1});
  std::vector<std::byte> to_ = std::vector<std::byte>(kChunks * kChunkBytes);
  std::vector<std::unique_ptr<Agent>> agents_;
};

TEST_P(Allocations, there_are_none_per_chunk) {
  start_agents();
  PoolHandle source;
  PoolHandle sink;
  const auto p = engine("p", from_, source);
  const auto d = engine("d", to_, sink);
  std::vector<std::uint32_t> blocks(kChunks);
  std::iota(blocks.begin(), blocks.end(), 0U);
  const Key key = Key::random();
  OfferSpec offer;
  offer.key = key;
  offer.pool = source;
  offer.n_tokens = kTokens;
  ASSERT_TRUE(p->offer(offer).ok());
  ASSERT_TRUE(p->table(key, 0, 0, blocks, true).ok());
  ReceiveSpec receive;
  receive.key = key;
  receive.pool = sink;
  receive.source = {"p", 0};
  receive.n_tokens = kTokens;
  receive.groups.push_back({{0, kTokens}, blocks});
  ASSERT_TRUE(d->receive(receive).ok());

  // Timers of agents (heartbeats, leases, an attempt to reach the rendezvous service) do allocate,
  // a few times a second, so some rounds see that; a path that allocates would show in all.
  std::vector<std::uint64_t> counts;
  for (std::uint32_t end = kRound; end <= kChunks; end += kRound) {
    const std::uint64_t before = allocations.load();
    ASSERT_TRUE(p->mark_ready(key, 0, {0, 1}, {0, end * kBlockTokens}).ok());
    ASSERT_TRUE(until([&] { return arrived(end - 1); }));
    counts.push_back(allocations.load() - before);
  }
  const std::size_t warm = counts.size() / 2;
  const auto quiet =
      std::count(counts.begin() + static_cast<std::ptrdiff_t>(warm), counts.end(), 0);
  EXPECT_GT(quiet, 0) << ::testing::PrintToString(counts);
  EXPECT_TRUE(until([&] {
    const auto events = d->poll();
    return std::any_of(events.begin(), events.end(),
                       [](const Event& event) { return event.kind == EventKind::kDone; });
  }));
  EXPECT_EQ(to_, from_);
}

INSTANTIATE_TEST_SUITE_P(Links, Allocations,
                         ::testing::Values(Way{"direct", {{"path", "direct"}}},
                                           Way{"agent", {{"path", "agent"}}},
                                           Way{"ucx", {{"path", "ucx"}, {"transports", {"tcp"}}}}),
                         [](const auto& param) { return std::string(param.param.name); });

}  // namespace
}  // namespace pegaflow::agent
