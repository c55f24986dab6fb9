// Once a transfer flows, nothing is allocated per chunk: by the client or by anything it uses.
#include <gtest/gtest.h>

#include "tests/client/session_fixture.h"
#include "tests/support/counted_allocations.h"

namespace pegaflow::client::testing {
namespace {

using pegaflow::testing::allocations;

constexpr std::uint32_t kSmallChunk = 512;
constexpr std::uint32_t kWarmUp = 8;  // chunks
constexpr StreamKey kStream{XferId{1}, StreamId{1}};

class AllocationTest : public SessionTest {
 protected:
  // The session has read every message of its set-up: to decode those allocates.
  void SetUp() override {
    set_up();
    stub_.send_setup(wire::UnmapRegion{kPeerRegion});
    stub_.expect_setup<wire::Unmapped>();
  }
  core::StreamPlan open(wire::StreamRole role, const Key& key, std::uint64_t handle) {
    const core::StreamPlan small = plan(role, kSmallChunk);
    auto message = stream_message(role, key, handle, kStream);
    message.chunk_bytes = kSmallChunk;
    message.plan_hash = small.hash;
    message.integrity = false;
    stub_.send(message);
    return small;
  }
};

TEST_F(AllocationTest, gathering_allocates_nothing_per_chunk) {
  const Key key = offer(true);
  const std::uint32_t chunks = open(wire::StreamRole::kSource, key, 0).n_chunks;
  stub_.expect_ready(chunks);
  std::uint64_t before = 0;
  ASSERT_GT(chunks, 2 * kWarmUp);
  for (std::uint32_t i = 0; i + 1 < chunks; ++i) {
    if (i == kWarmUp) before = allocations.load();
    stub_.send(wire::RingCredit{kStream, {stub_.lend(kOwnRegion, i % 16)}});
    stub_.expect<wire::RingGathered>();
  }
  EXPECT_EQ(allocations.load() - before, 0U);
}

TEST_F(AllocationTest, scattering_allocates_nothing_per_chunk) {
  const Key key = Key::random();
  const core::StreamPlan small = open(wire::StreamRole::kSink, key, receive(key));
  std::uint64_t before = 0;
  ASSERT_GT(small.n_chunks, 2 * kWarmUp);
  for (std::uint32_t i = 0; i + 1 < small.n_chunks; ++i) {
    if (i == kWarmUp) before = allocations.load();
    wire::ScatterSlot slot;
    slot.slot = stub_.lend(kOwnRegion, i % 16);
    slot.chunk = ChunkIndex{i};
    slot.bytes = static_cast<std::uint32_t>(core::cell(small, slot.chunk).bytes);
    stub_.set_word(slot.slot, core::SlotState::kFilled);
    stub_.send(wire::RingScatter{kStream, {slot}});
    EXPECT_TRUE(stub_.expect<wire::RingScattered>().slots[0].ok);
  }
  EXPECT_EQ(allocations.load() - before, 0U);
}

TEST_F(AllocationTest, marking_layers_allocates_nothing_once_a_step_was_begun) {
  const Key key = offer(false);
  ASSERT_TRUE(session_->table(key, 0, 0, ids(), false).ok());
  const StepSpan span{key, {0, kTokens}};
  ASSERT_TRUE(session_->begin_step({&span, 1}).ok());
  const std::uint64_t before = allocations.load();
  for (std::uint32_t layer = 0; layer < 4; ++layer) {
    ASSERT_TRUE(session_->layer_done(0, layer, kNoStream).ok());
  }
  EXPECT_EQ(allocations.load() - before, 0U);
}

}  // namespace
}  // namespace pegaflow::client::testing
