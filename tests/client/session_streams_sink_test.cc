// Consuming on a GPU: blocks that the engine's stream may still read are not written.
#include <gtest/gtest.h>

#include "tests/client/gpu_fixture.h"
#include "tests/client/sink_fixture.h"

namespace pegaflow::client::testing {
namespace {

class StreamsSinkTest : public WithGpu<SinkTest> {
 protected:
  static constexpr StreamKey kFreeStream{XferId{2}, StreamId{1}};

  // A receive whose blocks kCompute, which is held, still uses.
  std::uint64_t receive_after(const Key& key) {
    ReceiveSpec spec = receive_spec(key);
    spec.after = kCompute;
    EXPECT_TRUE(session_->receive(spec).ok());
    return stub_.expect<wire::RingReceive>().handle;
  }
  void set_up_held() {
    set_up_gpu();
    fill_peer();
    gpu_->hold_stream(kCompute);
  }
  // Handed out and not answered: the next answer is another stream's.
  void hand_out(std::uint32_t chunk) {
    stub_.send(wire::RingScatter{kStream, {filled(chunk, chunk)}});
  }
};

TEST_F(StreamsSinkTest, blocks_are_not_written_before_the_stream_is_done_with_them) {
  set_up_held();
  const Key gated = Key::random();
  open(gated, receive_after(gated));
  hand_out(0);
  // Another receive is not held up, and shows that the mover has seen the first one's chunk.
  const Key free = Key::random();
  open(free, receive(free), kFreeStream);
  EXPECT_TRUE(scatter(filled(0, 15), kFreeStream).ok);
  for (std::uint32_t i = 1; i < n_chunks(); ++i) hand_out(i);
  gpu_->go_on(kCompute);
  for (std::uint32_t i = 0; i < n_chunks(); ++i) {
    const auto answer = stub_.expect<wire::RingScattered>();
    EXPECT_EQ(answer.stream, kStream);
    EXPECT_EQ(answer.slots[0].chunk.value, i) << "in their order";
    EXPECT_TRUE(answer.slots[0].ok);
  }
  EXPECT_EQ(expect_event().key, gated);
  EXPECT_EQ(gpu_->marks_out(), 0U);
}

TEST_F(StreamsSinkTest, a_stream_that_is_done_holds_nothing_up) {
  set_up_held();
  gpu_->go_on(kCompute);
  const Key key = Key::random();
  open(key, receive_after(key));
  for (std::uint32_t i = 0; i < n_chunks(); ++i) EXPECT_TRUE(scatter(filled(i, i)).ok);
  EXPECT_EQ(expect_event().kind, EventKind::kDone);
  EXPECT_TRUE(holds_sequence(own_pool_, ids()));
}

TEST_F(StreamsSinkTest, a_receive_that_waits_for_its_stream_can_fail_and_its_key_be_used_again) {
  set_up_held();
  const Key key = Key::random();
  const auto handle = receive_after(key);
  open(key, handle);
  hand_out(0);
  stub_.send(wire::RingResult{EventKind::kFailed, Reason::kLinkLost, key, handle, 0, 0, {}});
  EXPECT_EQ(expect_event().reason, Reason::kLinkLost) << "without waiting for the GPU";
  open(key, receive(key), kFreeStream);
  for (std::uint32_t i = 0; i < n_chunks(); ++i) {
    EXPECT_TRUE(scatter(filled(i, i), kFreeStream).ok);
  }
  EXPECT_EQ(expect_event().kind, EventKind::kDone);
  gpu_->go_on(kCompute);  // what was held of the first is not scattered into the second's blocks
  EXPECT_TRUE(holds_sequence(own_pool_, ids()));
}

TEST_F(StreamsSinkTest, a_refused_receive_gives_its_mark_back) {
  set_up_held();
  const Key key = Key::random();
  receive_after(key);
  ReceiveSpec again = receive_spec(key);
  again.after = kCompute;
  EXPECT_EQ(session_->receive(again).error().code(), Code::kAlreadyExists);
  EXPECT_EQ(gpu_->marks_out(), 1U);
}

TEST_F(StreamsSinkTest, all_filled_slots_are_scattered_in_one_launch) {
  set_up_held();
  const Key key = Key::random();
  open(key, receive_after(key));
  for (std::uint32_t i = 0; i < n_chunks(); ++i) hand_out(i);
  const Key free = Key::random();
  open(free, receive(free), kFreeStream);
  EXPECT_TRUE(scatter(filled(0, 15), kFreeStream).ok);
  gpu_->go_on(kCompute);
  for (std::uint32_t i = 0; i < n_chunks(); ++i) stub_.expect<wire::RingScattered>();
  EXPECT_EQ(gpu_->largest_batch(), std::min<std::size_t>(kBatch, n_chunks()));
}

}  // namespace
}  // namespace pegaflow::client::testing
