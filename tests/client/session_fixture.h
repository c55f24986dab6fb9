// A session connected to an AgentStub, with one pool on each side of a transfer.
#pragma once

#include <gtest/gtest.h>

#include <atomic>
#include <cstdint>
#include <memory>
#include <vector>

#include "client/runtime.h"
#include "core/plan.h"
#include "tests/client/agent_stub.h"
#include "tests/core/layouts.h"

namespace pegaflow::client::testing {

// Thread-safe time that tests own.
class TestClock final : public Clock {
 public:
  TimePoint now() const override { return TimePoint(Nanos(nanos_.load())); }
  void advance(Nanos by) { nanos_ += by.count(); }

 private:
  std::atomic<std::int64_t> nanos_{1'000'000'000};
};

inline constexpr std::uint32_t kTokens = 40;      // of every sequence here
inline constexpr std::uint32_t kBlockTokens = 4;  // small_group's
inline constexpr std::uint32_t kChunkBytes = 4096;
inline constexpr RegionId kOwnRegion{3};
inline constexpr RegionId kPeerRegion{4};
inline constexpr PoolId kPool{11};
inline constexpr PoolId kPeerPool{21};
inline constexpr std::uint64_t kSeed = 99;

class SessionTest : public ::testing::Test {
 protected:
  // `model`: the groups that both pools have.
  explicit SessionTest(std::vector<KvGroupShape> model = {core::testing::small_group(4)},
                       StubOptions options = {});

  SessionConfig config() const;
  // Connects, with the host mover and the machine's clock unless others are given.
  void connect(SessionConfig config, std::unique_ptr<memory::Mover> mover = nullptr,
               const Clock* clock = nullptr);
  void add_pool();
  // connect(), add_pool(), two regions of 16 slots, the peer pool announced.
  void set_up(std::unique_ptr<memory::Mover> mover = nullptr, const Clock* clock = nullptr);

  // The plan of own → peer or peer → own pool; all tokens of every group.
  core::StreamPlan plan(wire::StreamRole role, std::uint32_t chunk_bytes = kChunkBytes) const;
  wire::RingStream stream_message(wire::StreamRole role, const Key& key, std::uint64_t handle = 0,
                                  StreamKey stream = {XferId{1}, StreamId{1}},
                                  std::uint32_t streams = 1) const;
  std::vector<std::uint32_t> ids(std::uint32_t first = 0) const;  // one per block of a sequence
  ReceiveSpec receive_spec(const Key& key) const;

  // Makes an offer and reads it off the ring; `ready`: with all tables and tokens.
  Key offer(bool ready);
  // Starts a receive; its handle.
  std::uint64_t receive(const Key& key);
  void mark_everything(const Key& key);
  Event expect_event();

  core::testing::TestPool make_pool(const core::GroupStyle& style) const;

  std::vector<KvGroupShape> model_;
  SteadyClock steady_;
  AgentStub stub_;
  core::testing::TestPool own_pool_;          // the session's
  core::testing::TestPool peer_pool_;         // the other engine's, laid out differently
  std::unique_ptr<memory::Streams> streams_;  // given to the session by connect()
  std::unique_ptr<Runtime> session_;
  PoolHandle pool_;
};

// Every byte of the sequence in `pool` is what TestPool::fill wrote.
::testing::AssertionResult holds_sequence(core::testing::TestPool& pool,
                                          const std::vector<std::uint32_t>& ids);

}  // namespace pegaflow::client::testing
