// Slots that the client looks at itself (LENT), before its agent tells what they hold.
#include "tests/client/sink_fixture.h"

namespace pegaflow::client::testing {
namespace {

class LentTest : public SinkTest {
 protected:
  void set_up_receive() {
    set_up();
    fill_peer();
    key_ = Key::random();
    open(key_, receive(key_));
  }
  // A filled slot with the header that its writer leaves.
  wire::ScatterSlot written(std::uint32_t chunk, std::uint32_t slot) {
    const wire::ScatterSlot message = filled(chunk, slot);
    memory::SlotHeader header;
    header.xfer = kStream.xfer.value;
    header.stream = kStream.stream.value;
    header.chunk = message.chunk.value;
    header.bytes = message.bytes;
    header.checksum = message.checksum;
    header.t_ready = message.t_ready_ns;
    *stub_.region(kOwnRegion).control().header(message.slot.slot) = header;
    return message;
  }
  void lend(const wire::ScatterSlot& slot) {
    stub_.send(wire::RingLent{kStream, stub_.writer(), {slot.slot}});
  }
  void expect_scattered(const wire::ScatterSlot& slot, bool ok = true) {
    const auto answer = stub_.expect<wire::RingScattered>();
    ASSERT_EQ(answer.slots.size(), 1U);
    EXPECT_EQ(answer.slots[0].slot, slot.slot);
    EXPECT_EQ(answer.slots[0].chunk, slot.chunk);
    EXPECT_EQ(answer.slots[0].ok, ok);
  }
  void scatter_rest(std::uint32_t first) {
    for (std::uint32_t i = first; i < n_chunks(); ++i) EXPECT_TRUE(scatter(filled(i, i)).ok);
    EXPECT_EQ(expect_event().kind, EventKind::kDone);
    EXPECT_TRUE(holds_sequence(own_pool_, ids()));
  }
  Key key_;
};

TEST_F(LentTest, a_filled_slot_is_scattered_before_the_agent_asks_and_only_once) {
  set_up_receive();
  const wire::ScatterSlot slot = written(0, 0);
  lend(slot);
  expect_scattered(slot);
  stub_.send(wire::RingScatter{kStream, {slot}});  // the agent saw it, too
  scatter_rest(1);
}

TEST_F(LentTest, an_agent_that_sleeps_is_woken_when_nothing_is_left_to_copy) {
  set_up_receive();
  const wire::ScatterSlot slot = written(0, 0);
  std::vector<wire::ScatterSlot> others;
  for (std::uint32_t i = 1; i < n_chunks(); ++i) {
    others.push_back(written(i, i));
    stub_.set_word(others.back().slot, core::SlotState::kLoaned);
    lend(others.back());
  }
  stub_.fall_asleep();
  lend(slot);
  EXPECT_TRUE(stub_.woken());
  expect_scattered(slot);
}

TEST_F(LentTest, a_slot_that_is_being_filled_is_waited_for) {
  set_up_receive();
  const wire::ScatterSlot slot = written(0, 0);
  stub_.set_word(slot.slot, core::SlotState::kClaimed);
  lend(slot);
  EXPECT_TRUE(scatter(filled(1, 1)).ok) << "and nothing of the other before";
  stub_.set_word(slot.slot, core::SlotState::kFilled);
  stub_.region(kOwnRegion).bell().signal();
  expect_scattered(slot);
  scatter_rest(2);
}

TEST_F(LentTest, what_the_agent_tells_first_is_scattered_once) {
  set_up_receive();
  const wire::ScatterSlot slot = written(0, 0);
  stub_.set_word(slot.slot, core::SlotState::kClaimed);
  lend(slot);
  stub_.set_word(slot.slot, core::SlotState::kFilled);
  stub_.send(wire::RingScatter{kStream, {slot}});
  expect_scattered(slot);
  scatter_rest(1);
}

TEST_F(LentTest, a_slot_that_was_taken_back_is_forgotten) {
  set_up_receive();
  wire::ScatterSlot slot = written(0, 0);
  stub_.set_word(slot.slot, core::SlotState::kFree, 1);
  lend(slot);
  scatter_rest(0);
}

TEST_F(LentTest, what_does_not_fit_is_left_to_the_agent) {
  set_up_receive();
  for (const int wrong : {0, 1, 2, 3}) {
    const wire::ScatterSlot slot = written(0, 0);
    memory::SlotHeader& header = *stub_.region(kOwnRegion).control().header(slot.slot.slot);
    if (wrong == 0) ++header.xfer;
    if (wrong == 1) ++header.stream;
    if (wrong == 2) header.chunk = n_chunks();
    if (wrong == 3) --header.bytes;
    lend(slot);
  }
  stub_.send(wire::RingLent{{XferId{77}, StreamId{1}}, stub_.writer(), {filled(0, 0).slot}});
  scatter_rest(0);
}

TEST_F(LentTest, another_writer_than_the_one_it_was_lent_to_is_not_believed) {
  set_up_receive();
  const wire::ScatterSlot slot = written(0, 0);
  stub_.send(wire::RingLent{kStream, WriterId{8}, {slot.slot}});
  scatter_rest(0);
}

TEST_F(LentTest, a_damaged_slot_fails_as_it_does_when_the_agent_asks) {
  set_up_receive();
  const wire::ScatterSlot slot = written(0, 0);
  ++stub_.region(kOwnRegion).control().header(slot.slot.slot)->checksum;
  lend(slot);
  expect_scattered(slot, false);
}

}  // namespace
}  // namespace pegaflow::client::testing
