// What only one path has.
#include <gtest/gtest.h>

#include <random>

#include "tests/agent/transfer/transfer_test.h"

namespace pegaflow::agent {
namespace {

using namespace std::chrono_literals;

TEST(TransferDirect, a_claimed_slot_of_a_stopped_writer_is_free_when_it_goes_on) {
  World world({DataPath::kDirect});
  const Key key = Key::random();
  world.p_client.offer(key, kTokens);
  world.p_client.ready = kChunks;
  const std::uint64_t handle = world.d_client.receive(key, kTokens);
  std::mt19937 random(5);
  while (!world.p_client.claim_one()) ASSERT_TRUE(world.step(random));
  world.d_client.cancel(handle);
  world.advance(4999ms);
  EXPECT_EQ(world.slots(*world.d, core::SlotState::kQuarantined), 1U);
  world.advance(1ms);
  EXPECT_EQ(world.slots(*world.d, core::SlotState::kRetired), 1U);
  EXPECT_EQ(world.free_slots(*world.d), world.options.slots - 1);
  world.settle();  // the writer goes on
  world.advance(20ms);
  EXPECT_EQ(world.free_slots(*world.d), world.options.slots);
}

// Words are looked at by themselves only while nobody would tell that there is something to see.
TEST(TransferDirect, words_are_waited_for_once_data_is_ready_and_nothing_is_being_scattered) {
  World world({DataPath::kDirect});
  const Key key = Key::random();
  world.d_client.receive(key, kTokens);
  world.p_client.offer(key, kTokens);
  world.settle();
  EXPECT_TRUE(world.d->polling());  // a slot is lent ahead, but nothing is ready
  EXPECT_FALSE(world.d->waiting_for_words());
  world.p_client.set_ready(1);
  while (world.deliver(world.p_link, world.d_link, *world.d)) {
  }
  EXPECT_TRUE(world.d->waiting_for_words());
  while (world.p_client.take_message()) {
  }
  ASSERT_TRUE(world.p_client.claim_one());
  ASSERT_TRUE(world.p_client.fill_one());
  ASSERT_TRUE(world.d->poll());
  EXPECT_FALSE(world.d->waiting_for_words());  // the engine will report
  world.settle();
  EXPECT_FALSE(world.d->waiting_for_words());
}

TEST(TransferDirect, engines_that_do_not_reach_the_slots_are_served_by_their_agent) {
  World world({.path = DataPath::kDirect, .pools_path = DataPath::kAgent});
  const Key key = Key::random();
  world.p_client.offer(key, kTokens);
  world.p_client.set_ready(kChunks);
  const std::uint64_t handle = world.d_client.receive(key, kTokens);
  world.settle();
  EXPECT_EQ(world.d_client.verified[handle].size(), kChunks);
  EXPECT_EQ(world.d_client.wrong_bytes, 0U);
  ASSERT_EQ(world.p_client.results.size(), 1U);
  EXPECT_EQ(world.p_client.results[0].kind, EventKind::kDone);
}

TEST(TransferDirect, a_way_that_does_not_exist_is_refused) {
  World world({.path = DataPath::kDirect, .no_path = true});
  const Key key = Key::random();
  world.p_client.offer(key, kTokens);
  world.d_client.receive(key, kTokens);
  world.settle();
  ASSERT_EQ(world.d_client.results.size(), 1U);
  EXPECT_EQ(world.d_client.results[0].kind, EventKind::kFailed);
  EXPECT_EQ(world.d_client.results[0].reason, Reason::kTransport);
}

TEST(TransferDirect, a_dead_writers_slot_is_free_with_its_proof) {
  World world({DataPath::kDirect});
  const Key key = Key::random();
  world.p_client.offer(key, kTokens);
  world.p_client.ready = kChunks;
  world.d_client.receive(key, kTokens);
  std::mt19937 random(5);
  while (!world.p_client.claim_one()) ASSERT_TRUE(world.step(random));
  world.d->on_writer_gone(world.d_link.writer);
  EXPECT_EQ(world.free_slots(*world.d), world.options.slots);
  world.d_client.take_message();
  while (world.d_client.take_message()) {
  }
  ASSERT_EQ(world.d_client.results.size(), 1U);
  EXPECT_EQ(world.d_client.results[0].reason, Reason::kEngineLost);
}

TEST(TransferDirect, a_scribbled_word_fails_the_receive_not_the_agent) {
  World world({DataPath::kDirect});
  const Key key = Key::random();
  world.d_client.receive(key, kTokens);
  for (std::uint32_t i = 0; i < world.options.slots; ++i) {
    world.d_region.control().word(SlotIndex{i}) = ~std::uint64_t{0};
  }
  world.settle();
  ASSERT_EQ(world.d_client.results.size(), 1U);
  EXPECT_EQ(world.d_client.results[0].reason, Reason::kProtocol);
}

TEST(TransferUcx, without_quiesced_the_link_is_fenced) {
  World world({DataPath::kUcx});
  const Key key = Key::random();
  world.p_client.offer(key, kTokens);
  const std::uint64_t handle = world.d_client.receive(key, kTokens);
  world.settle();
  world.d_client.cancel(handle);
  world.d_link.out.clear();  // the ABORT is lost with a stopped peer
  world.advance(3s);
  EXPECT_TRUE(world.d_link.reset_asked);
  world.link_down();
  EXPECT_EQ(world.free_slots(*world.d), world.options.slots);
}

TEST(TransferUcx, a_failed_stream_that_waits_for_quiesced_is_lent_nothing) {
  for (int steps = 0; steps < 200; steps += 2) {
    World world({DataPath::kUcx, 5, 4, 4});  // too few slots for both
    const Key keys[] = {Key::random(), Key::random()};
    for (const Key& key : keys) world.p_client.offer(key, kTokens);
    world.p_client.ready = kChunks;
    const std::uint64_t failing = world.d_client.receive(keys[0], kTokens);
    const std::uint64_t going_on = world.d_client.receive(keys[1], kTokens);
    std::mt19937 random(static_cast<std::uint32_t>(steps));
    for (int i = 0; i < steps; ++i) world.step(random);
    world.d_client.cancel(failing);
    world.settle();
    EXPECT_EQ(world.d_client.verified[going_on].size(), kChunks) << steps;
    EXPECT_EQ(world.free_slots(*world.d), world.options.slots) << steps;
  }
}

TEST(TransferUcx, an_abort_of_a_stream_that_the_source_does_not_know_is_answered) {
  World world({DataPath::kUcx});
  const StreamKey unknown{XferId{77}, StreamId{0}};
  world.p->on_control(world.p_link, wire::Abort{unknown, Reason::kCancelled});
  ASSERT_EQ(world.p_link.out.size(), 1U);
  const auto* answer = std::get_if<wire::Quiesced>(&world.p_link.out.front());
  ASSERT_NE(answer, nullptr);
  EXPECT_EQ(answer->stream, unknown);
}

TEST(TransferUcx, a_flush_that_never_ends_fences_the_link) {
  World world({DataPath::kUcx});
  const Key key = Key::random();
  world.p_client.offer(key, kTokens);
  world.p_client.ready = kChunks;
  world.d_client.receive(key, kTokens);
  std::mt19937 random(5);
  while (world.flushes.empty()) ASSERT_TRUE(world.step(random));
  world.advance(2s);
  EXPECT_TRUE(world.p_link.reset_asked);
}

TEST(TransferUcx, a_late_chunk_of_an_aborted_transfer_is_dropped) {
  World world({DataPath::kUcx});
  const Key key = Key::random();
  world.p_client.offer(key, kTokens);
  world.p_client.ready = kChunks;
  const std::uint64_t handle = world.d_client.receive(key, kTokens);
  std::mt19937 random(5);
  while (world.flushes.empty()) ASSERT_TRUE(world.step(random));
  world.d_client.cancel(handle);
  const auto before = world.d_client.verified[handle].size();
  world.settle();
  EXPECT_EQ(world.d_client.verified[handle].size(), before);
  EXPECT_GT(world.d_probe.links.dropped, 0);
  EXPECT_EQ(world.free_slots(*world.d), world.options.slots);
}

TEST(TransferUcx, a_chunk_for_a_slot_not_lent_fails_the_receive) {
  World world({DataPath::kUcx});
  const Key key = Key::random();
  world.p_client.offer(key, kTokens);
  world.d_client.receive(key, kTokens);
  world.settle();
  const StreamKey stream = world.d_client.streams.begin()->first;
  wire::Chunk chunk{stream,
                    {{{0, SlotIndex{15}, Generation{9}}, ChunkIndex{0}, kSlotBytes, 0, 0, 0, 0}}};
  world.d->on_control(world.d_link, chunk);
  world.settle();
  ASSERT_EQ(world.d_client.results.size(), 1U);
  EXPECT_EQ(world.d_client.results[0].reason, Reason::kProtocol);
}

}  // namespace
}  // namespace pegaflow::agent
