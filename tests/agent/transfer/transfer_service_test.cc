#include "agent/transfer/transfer_service.h"

#include <gtest/gtest.h>

#include "tests/agent/transfer/world.h"

namespace pegaflow::agent {
namespace {

using namespace std::chrono_literals;

constexpr std::uint32_t kTokens = 256;  // 4 layers × 4 tiles = 16 chunks
constexpr std::uint32_t kChunks = 16;

std::string path_name(DataPath path) {
  if (path == DataPath::kDirect) return "direct";
  return path == DataPath::kAgent ? "agent" : "ucx";
}

class Transfer : public testing::TestWithParam<DataPath> {
 protected:
  void all_slots_come_back() {
    world_.advance(20ms);  // claimed ones, when their writer is done
    EXPECT_EQ(world_.free_slots(*world_.p), world_.options.slots);
    EXPECT_EQ(world_.free_slots(*world_.d), world_.options.slots);
  }
  // The client verified everything, or was told an end; it may be both, when the end crossed the
  // last chunk: the client reports what came first.
  static void expect_one_end(World& world, std::uint64_t handle) {
    const bool done = world.d_client.verified[handle].size() == kChunks;
    EXPECT_LE(world.d_client.results.size(), 1U);
    EXPECT_TRUE(done || world.d_client.results.size() == 1);
  }
  void next_transfer_works() {
    const Key key = Key::random();
    const std::uint64_t handle = world_.d_client.receive(key, kTokens);
    world_.p_client.offer(key, kTokens);
    world_.p_client.set_ready(kChunks);
    world_.settle();
    world_.p_client.set_ready(kChunks);
    world_.settle();
    EXPECT_EQ(world_.d_client.verified[handle].size(), kChunks);
    all_slots_come_back();
  }
  std::vector<wire::RingResult> p_results() const { return world_.p_client.results; }
  std::vector<wire::RingResult> d_results() const { return world_.d_client.results; }
  void expect_failed(Reason reason) {
    ASSERT_EQ(d_results().size(), 1U);
    EXPECT_EQ(d_results()[0].kind, EventKind::kFailed);
    EXPECT_EQ(d_results()[0].reason, reason) << to_string(d_results()[0].reason);
    world_.d_client.results.clear();
  }

  World world_{{GetParam()}};
  Key key_ = Key::random();
};

TEST_P(Transfer, all_chunks_arrive_and_both_sides_know) {
  world_.p_client.offer(key_, kTokens);
  world_.p_client.set_ready(kChunks);
  const std::uint64_t handle = world_.d_client.receive(key_, kTokens);
  world_.settle();
  EXPECT_EQ(world_.d_client.verified[handle].size(), kChunks);
  EXPECT_EQ(world_.d_client.wrong_bytes, 0U);
  ASSERT_EQ(p_results().size(), 1U);
  EXPECT_EQ(p_results()[0].kind, EventKind::kDone);
  EXPECT_TRUE(world_.p->drained());
  EXPECT_TRUE(world_.d->drained());
  all_slots_come_back();
}

TEST_P(Transfer, a_receive_before_its_offer_waits_for_it) {
  const std::uint64_t handle = world_.d_client.receive(key_, kTokens);
  world_.settle();
  EXPECT_TRUE(world_.d_client.verified[handle].empty());
  world_.p_client.offer(key_, kTokens);
  world_.p_client.ready = kChunks;
  world_.settle();
  EXPECT_EQ(world_.d_client.verified[handle].size(), kChunks);
}

TEST_P(Transfer, the_receiver_is_told_how_long_it_waited_for_the_offer) {
  const std::uint64_t handle = world_.d_client.receive(key_, kTokens);
  world_.settle();
  EXPECT_TRUE(world_.d_client.offered.empty());
  world_.advance(20ms);
  world_.p_client.offer(key_, kTokens);
  world_.settle();
  ASSERT_EQ(world_.d_client.offered.size(), 1U);
  EXPECT_EQ(world_.d_client.offered[0].handle, handle);
  EXPECT_GE(world_.d_client.offered[0].offer_wait_us, 20'000U);
  EXPECT_GE(world_.d_client.offered[0].grant_us, 1U);
  EXPECT_LT(world_.d_client.offered[0].grant_us, 20'000U);
}

TEST_P(Transfer, chunks_flow_as_they_become_ready) {
  world_.p_client.offer(key_, kTokens);
  const std::uint64_t handle = world_.d_client.receive(key_, kTokens);
  for (std::uint32_t ready = 1; ready <= kChunks; ++ready) {
    world_.settle();
    EXPECT_EQ(world_.d_client.verified[handle].size(), ready - 1);
    world_.p_client.set_ready(ready);
  }
  world_.settle();
  EXPECT_EQ(world_.d_client.verified[handle].size(), kChunks);
}

TEST_P(Transfer, slots_wait_at_the_source_before_anything_is_ready) {
  world_.p_client.offer(key_, kTokens);
  world_.d_client.receive(key_, kTokens);
  world_.settle();
  const std::uint32_t lent = world_.options.slots - world_.free_slots(*world_.d);
  EXPECT_GT(lent, 1U);
  EXPECT_LE(lent, kChunks);
  world_.p_client.set_ready(kChunks);
  world_.settle();
  all_slots_come_back();
}

TEST_P(Transfer, a_bell_wakes_the_engine_whose_slots_are_being_filled) {
  if (GetParam() != DataPath::kDirect) GTEST_SKIP() << "only writers of mapped slots ring";
  world_.p_client.offer(key_, kTokens);
  world_.d_client.receive(key_, kTokens);
  world_.settle();
  world_.d->on_bell();
  EXPECT_EQ(world_.d_client.told_awake, 0) << "nothing is being filled";
  world_.p_client.set_ready(1);
  ASSERT_TRUE(world_.p_client.claim_one());
  world_.d->on_bell();
  EXPECT_EQ(world_.d_client.told_awake, 1);
  world_.p_client.set_ready(kChunks);
  world_.settle();
  all_slots_come_back();
}

TEST_P(Transfer, nobody_offers_in_time) {
  world_.d_client.receive(key_, kTokens);
  world_.settle();
  world_.advance(30s);
  world_.settle();
  expect_failed(Reason::kOfferTimeout);
  all_slots_come_back();
  next_transfer_works();
}

TEST_P(Transfer, nothing_becomes_ready_in_time) {
  world_.p_client.offer(key_, kTokens);
  world_.d_client.receive(key_, kTokens);
  world_.settle();
  world_.advance(119s);
  world_.settle();
  EXPECT_TRUE(d_results().empty());
  world_.advance(1s);
  world_.settle();
  expect_failed(Reason::kTotalTimeout);
  all_slots_come_back();
  next_transfer_works();
}

TEST_P(Transfer, a_source_that_stops_gathering_is_stalled) {
  world_.p_client.offer(key_, kTokens);
  world_.p_client.set_ready(kChunks);
  world_.d_client.receive(key_, kTokens);
  while (world_.deliver(world_.d_link, world_.p_link, *world_.p) ||
         world_.p_client.take_message() ||
         world_.deliver(world_.p_link, world_.d_link, *world_.d)) {
  }
  world_.advance(5s);
  world_.settle();
  expect_failed(Reason::kSourceStalled);
  all_slots_come_back();
  next_transfer_works();
}

TEST_P(Transfer, wrong_prompt_under_a_right_key_is_refused) {
  world_.p_client.offer(key_, kTokens, ContentHash{1});
  world_.d_client.receive(key_, kTokens, ContentHash{2});
  world_.settle();
  expect_failed(Reason::kContent);
  all_slots_come_back();
  next_transfer_works();
}

TEST_P(Transfer, a_second_receive_of_a_live_key_is_busy) {
  world_.d_client.receive(key_, kTokens);
  world_.d_client.receive(key_, kTokens);
  world_.d_client.take_message();
  while (world_.d_client.take_message()) {
  }
  ASSERT_EQ(d_results().size(), 1U);
  EXPECT_EQ(d_results()[0].reason, Reason::kBusy);
}

TEST_P(Transfer, a_withdrawn_offer_fails_its_receive) {
  world_.p_client.offer(key_, kTokens);
  world_.d_client.receive(key_, kTokens);
  world_.settle();
  world_.p_client.tell(wire::RingWithdraw{key_, Reason::kWithdrawn});
  world_.settle();
  expect_failed(Reason::kWithdrawn);
  all_slots_come_back();
  EXPECT_TRUE(p_results().empty());
  next_transfer_works();
}

TEST_P(Transfer, a_closed_key_is_released) {
  world_.p_client.offer(key_, kTokens);
  world_.p_client.set_ready(kChunks);
  world_.d_client.receive(key_, kTokens);
  world_.settle();
  world_.d_client.receive(key_, kTokens);
  world_.settle();
  expect_failed(Reason::kReleased);
  all_slots_come_back();
}

TEST_P(Transfer, an_offer_nobody_reads_expires_after_its_lease) {
  world_.p_client.offer(key_, kTokens);
  world_.advance(60s);
  EXPECT_TRUE(world_.p_client.inbox.empty());  // not finished yet
  world_.p_client.tell(wire::RingFinish{key_});
  world_.advance(29s);
  EXPECT_TRUE(world_.p_client.inbox.empty());
  world_.advance(1s);
  world_.settle();
  ASSERT_EQ(p_results().size(), 1U);
  EXPECT_EQ(p_results()[0].kind, EventKind::kExpired);
}

TEST_P(Transfer, a_damaged_chunk_fails_its_transfer_alone) {
  const Key other = Key::random();
  world_.p_client.offer(key_, kTokens);
  world_.p_client.offer(other, kTokens);
  world_.p_client.set_ready(kChunks);
  const std::uint64_t bad = world_.d_client.receive(key_, kTokens);
  const std::uint64_t good = world_.d_client.receive(other, kTokens);
  std::mt19937 random(3);
  while (world_.d_client.scatters.empty() ||
         world_.d_client.streams[world_.d_client.scatters[0].stream].start.handle != bad) {
    ASSERT_TRUE(world_.step(random));
  }
  world_.d_client.scatter_one(false);
  world_.settle();
  world_.p_client.set_ready(kChunks);
  world_.settle();
  expect_failed(Reason::kChecksum);
  EXPECT_EQ(world_.d_client.verified[good].size(), kChunks);
  all_slots_come_back();
}

TEST_P(Transfer, the_consumers_engine_dies_at_any_point) {
  for (int steps = 0; steps < 120; steps += 3) {
    World world({GetParam()});
    world.p_client.offer(key_, kTokens);
    world.p_client.set_ready(kChunks);
    world.d_client.receive(key_, kTokens);
    std::mt19937 random(static_cast<std::uint32_t>(steps));
    for (int i = 0; i < steps; ++i) world.step(random);
    world.d->on_client_lost(world.d_client, Error(Code::kUnavailable, "gone"));
    world.d_client.inbox.clear();
    world.d_client.scatters.clear();
    world.settle();
    world.advance(20ms);
    EXPECT_EQ(world.free_slots(*world.d), world.options.slots) << steps;
    EXPECT_EQ(world.free_slots(*world.p), world.options.slots) << steps;
    EXPECT_TRUE(world.p->drained()) << steps;
  }
}

TEST_P(Transfer, the_link_breaks_at_any_point) {
  for (int steps = 0; steps < 120; steps += 3) {
    World world({GetParam()});
    world.p_client.offer(key_, kTokens);
    world.p_client.set_ready(kChunks);
    const std::uint64_t handle = world.d_client.receive(key_, kTokens);
    std::mt19937 random(static_cast<std::uint32_t>(steps));
    for (int i = 0; i < steps; ++i) world.step(random);
    world.link_down();
    world.settle();
    world.advance(20ms);
    EXPECT_EQ(world.free_slots(*world.d), world.options.slots) << steps;
    EXPECT_EQ(world.free_slots(*world.p), world.options.slots) << steps;
    expect_one_end(world, handle);
    EXPECT_TRUE(world.d->drained()) << steps;
    EXPECT_TRUE(world.p->drained()) << steps;
  }
}

TEST_P(Transfer, cancel_at_any_point_ends_it_once) {
  for (int steps = 0; steps < 120; steps += 3) {
    World world({GetParam()});
    world.p_client.offer(key_, kTokens);
    world.p_client.set_ready(kChunks);
    const std::uint64_t handle = world.d_client.receive(key_, kTokens);
    std::mt19937 random(static_cast<std::uint32_t>(steps) + 50);
    for (int i = 0; i < steps; ++i) world.step(random);
    world.d_client.cancel(handle);
    world.settle();
    world.advance(20ms);
    expect_one_end(world, handle);
    EXPECT_EQ(world.free_slots(*world.d), world.options.slots) << steps;
    EXPECT_EQ(world.free_slots(*world.p), world.options.slots) << steps;
  }
}

// A failed attempt leaves the offer open while its blocks are still held.
TEST_P(Transfer, a_failed_attempt_may_be_repeated) {
  world_.p_client.offer(key_, kTokens);
  const std::uint64_t first = world_.d_client.receive(key_, kTokens);
  world_.settle();
  world_.d_client.cancel(first);
  world_.settle();
  const std::uint64_t second = world_.d_client.receive(key_, kTokens);
  world_.settle();
  world_.p_client.set_ready(kChunks);
  world_.settle();
  EXPECT_EQ(world_.d_client.verified[second].size(), kChunks);
  all_slots_come_back();
}

TEST_P(Transfer, ready_streams_finish_beside_many_that_never_are) {
  World world({GetParam(), 16, 4, 4});
  std::vector<std::uint64_t> ready;
  for (int i = 0; i < 64; ++i) {
    const Key key = Key::random();
    if (i % 2 == 0) world.p_client.offer(key, kTokens);
    const std::uint64_t handle = world.d_client.receive(key, kTokens);
    if (i % 2 == 0) ready.push_back(handle);
  }
  world.p_client.ready = kChunks;
  world.settle();
  world.p_client.set_ready(kChunks);
  world.settle();
  for (const std::uint64_t handle : ready)
    EXPECT_EQ(world.d_client.verified[handle].size(), kChunks);
  EXPECT_EQ(world.d_client.wrong_bytes, 0U);
}

TEST_P(Transfer, an_intent_is_answered_once_the_offer_exists) {
  world_.d_client.intend(key_, kTokens);
  world_.settle();
  EXPECT_TRUE(d_results().empty());
  world_.p_client.offer(key_, kTokens);
  world_.settle();
  ASSERT_EQ(d_results().size(), 1U);
  EXPECT_EQ(d_results()[0].kind, EventKind::kOffered);
}

TEST_P(Transfer, an_intent_for_another_prompt_is_refused) {
  world_.p_client.offer(key_, kTokens, ContentHash{1});
  world_.d_client.intend(key_, kTokens, ContentHash{2});
  world_.settle();
  ASSERT_EQ(d_results().size(), 1U);
  EXPECT_EQ(d_results()[0].kind, EventKind::kRefused);
  EXPECT_EQ(d_results()[0].reason, Reason::kContent);
}

TEST_P(Transfer, an_intent_nobody_answers_ends_by_its_deadline) {
  world_.d_client.intend(key_, kTokens);
  world_.settle();
  world_.advance(30s);
  world_.settle();
  ASSERT_EQ(d_results().size(), 1U);
  EXPECT_EQ(d_results()[0].reason, Reason::kOfferTimeout);
}

TEST_P(Transfer, an_intent_keeps_the_lease) {
  world_.p_client.offer(key_, kTokens);
  world_.p_client.tell(wire::RingFinish{key_});
  world_.d_client.intend(key_, kTokens);
  for (int i = 0; i < 10; ++i) {
    world_.settle();
    world_.advance(10s);
  }
  EXPECT_TRUE(p_results().empty());
  world_.d_client.tell(wire::RingRelease{key_, {"prefill", 0}, 0});
  world_.settle();
  ASSERT_EQ(p_results().size(), 1U);
  EXPECT_EQ(p_results()[0].reason, Reason::kReleased);
}

TEST_P(Transfer, an_unknown_source_is_waited_for_and_then_no_peer) {
  wire::RingReceive request;
  request.key = key_;
  request.handle = 1;
  request.pool = world_.d_client.pool.id;
  request.source = {"nobody", 0};
  request.n_tokens = kTokens;
  request.tokens.push_back({0, kTokens});
  world_.d_client.tell(request);
  world_.settle();
  EXPECT_TRUE(d_results().empty());
  world_.advance(30s);
  world_.settle();
  expect_failed(Reason::kNoPeer);
}

TEST_P(Transfer, a_draining_agent_takes_nothing_new) {
  world_.d->drain();
  world_.d_client.receive(key_, kTokens);
  world_.settle();
  expect_failed(Reason::kDraining);
}

TEST_P(Transfer, a_gap_of_the_loop_moves_the_deadlines) {
  world_.d_client.receive(key_, kTokens);
  world_.settle();
  world_.d->on_gap(60s);
  world_.advance(60s);
  world_.settle();
  EXPECT_TRUE(d_results().empty());
}

INSTANTIATE_TEST_SUITE_P(Paths, Transfer,
                         testing::Values(DataPath::kDirect, DataPath::kAgent, DataPath::kUcx),
                         [](const auto& test) { return path_name(test.param); });

// What only one path has.
TEST(TransferDirect, a_claimed_slot_of_a_stopped_writer_is_free_when_it_goes_on) {
  World world({DataPath::kDirect});
  const Key key = Key::random();
  world.p_client.offer(key, kTokens);
  world.p_client.ready = kChunks;
  const std::uint64_t handle = world.d_client.receive(key, kTokens);
  std::mt19937 random(5);
  while (!world.p_client.claim_one()) ASSERT_TRUE(world.step(random));
  world.d_client.cancel(handle);
  world.advance(6s);  // past the quarantine: retired
  EXPECT_LT(world.free_slots(*world.d), world.options.slots);
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
