// What happens around a copy that runs: fences, ends that wait for it, copies that fail.
#include <gtest/gtest.h>

#include <condition_variable>
#include <future>
#include <mutex>

#include "tests/base/poll_until.h"
#include "tests/client/forwarding_mover.h"
#include "tests/client/source_fixture.h"

namespace pegaflow::client::testing {
namespace {

// Holds every copy until the test lets it go on.
class Gate {
 public:
  void pass() {
    std::unique_lock lock(mutex_);
    ++arrived_;
    changed_.notify_all();
    changed_.wait_for(lock, kTestDeadline, [this] { return open_; });
  }
  void wait_for_copy() {
    std::unique_lock lock(mutex_);
    changed_.wait_for(lock, kTestDeadline, [this] { return arrived_ > 0; });
  }
  void open() {
    const std::lock_guard lock(mutex_);
    open_ = true;
    changed_.notify_all();
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  int arrived_ = 0;
  bool open_ = false;
};

class GatedMover final : public ForwardingMover {
 public:
  GatedMover(const Clock& clock, Gate& gate) : ForwardingMover(clock), gate_(gate) {}
  void submit(std::span<const memory::MoveJob> jobs) override {
    gate_.pass();
    inner_.submit(jobs);
  }

 private:
  Gate& gate_;
};

// Does as a GPU mover does: several at once, and some time later. Optionally without success.
class LateMover final : public ForwardingMover {
 public:
  LateMover(const Clock& clock, bool fail) : ForwardingMover(clock), fail_(fail) {}
  std::size_t batch_limit() const override { return 4; }
  void submit(std::span<const memory::MoveJob> jobs) override {
    for (const memory::MoveJob& job : jobs) jobs_.push_back(job);
    largest_batch = std::max(largest_batch.load(), jobs.size());
  }
  std::size_t poll(std::span<memory::MoveResult> out) override {
    if (jobs_.empty() || ++polls_ % 3 != 0) return 0;
    const memory::MoveJob job = jobs_.front();
    jobs_.erase(jobs_.begin());
    if (fail_) {
      out[0] = {job.cookie, false, 0, 1};
      return 1;
    }
    inner_.submit({&job, 1});
    return inner_.poll(out);
  }
  std::atomic<std::size_t> largest_batch{0};

 private:
  bool fail_;
  std::vector<memory::MoveJob> jobs_;
  int polls_ = 0;
};

class CopiesTest : public SourceTest {
 protected:
  void set_up_gated() { set_up(std::make_unique<GatedMover>(steady_, gate_)); }
  Key start_copy() {
    const Key key = offer(true);
    open(key);
    credit(0);
    gate_.wait_for_copy();
    return key;
  }
  // `call` blocks until the gate is open.
  template <typename Call>
  void expect_fenced(Call call) {
    auto blocked = std::async(std::launch::async, call);
    EXPECT_EQ(blocked.wait_for(std::chrono::milliseconds(20)), std::future_status::timeout);
    gate_.open();
    EXPECT_TRUE(blocked.get().ok());
  }
  Gate gate_;
};

TEST_F(CopiesTest, rewind_waits_for_the_copy_that_runs) {
  set_up_gated();
  const Key key = start_copy();
  expect_fenced([&] { return session_->rewind(key, 0, kNoStream); });
}

TEST_F(CopiesTest, replacing_a_table_waits_for_the_copy_that_runs) {
  set_up_gated();
  fill_pool();
  const Key key = start_copy();
  expect_fenced([&] { return session_->table(key, 0, 0, ids(40), true); });
  const auto gathered = stub_.expect_past_ready<wire::RingGathered>();
  deliver(gathered.slots[0]);  // the old blocks' bytes: the checksum agrees
}

TEST_F(CopiesTest, withdraw_waits_and_reports_after_the_copy) {
  set_up_gated();
  const Key key = start_copy();
  expect_fenced([&] { return session_->withdraw(key, Reason::kWithdrawn, kNoStream); });
  EXPECT_EQ(expect_event().kind, EventKind::kWithdrawn);
}

TEST_F(CopiesTest, other_offers_do_not_wait) {
  set_up_gated();
  const Key other = offer(true);
  start_copy();
  EXPECT_TRUE(session_->rewind(other, 0, kNoStream).ok());
  gate_.open();
}

TEST_F(CopiesTest, an_end_told_by_the_agent_is_reported_after_the_copy) {
  // Several copies run at once; the agent fails the offer in the middle.
  auto late = std::make_unique<LateMover>(steady_, false);
  set_up(std::move(late));
  const Key key = offer(true);
  open(key);
  stub_.expect_ready(n_chunks());
  std::vector<wire::SlotRef> lent;
  for (std::uint32_t i = 0; i < 4; ++i) lent.push_back(stub_.lend(kOwnRegion, i));
  stub_.send(wire::RingCredit{kStream, {lent[0], lent[1], lent[2], lent[3]}});
  stub_.send(wire::RingResult{EventKind::kFailed, Reason::kLinkLost, key, 0, 0, 0, {}});
  EXPECT_EQ(expect_event().reason, Reason::kLinkLost);
  for (const wire::SlotRef& slot : lent) {
    EXPECT_NE(stub_.word(slot).state, core::SlotState::kClaimed) << "no copy runs any more";
  }
}

TEST_F(CopiesTest, a_mover_that_takes_batches_gets_them) {
  auto mover = std::make_unique<LateMover>(steady_, false);
  LateMover& late = *mover;
  set_up(std::move(mover));
  fill_pool();
  const Key key = offer(true);
  open(key);
  stub_.expect_ready(n_chunks());
  for (std::uint32_t done = 0; done < n_chunks();) {
    wire::RingCredit credits{kStream, {}};
    for (std::uint32_t i = 0; i < 4 && done + i < n_chunks(); ++i) {
      credits.slots.push_back(stub_.lend(kOwnRegion, i));
    }
    stub_.send(credits);
    for (std::size_t i = 0; i < credits.slots.size(); ++i, ++done) {
      deliver(stub_.expect<wire::RingGathered>().slots[0]);
    }
  }
  EXPECT_GT(late.largest_batch, 1U);
  EXPECT_TRUE(holds_sequence(peer_pool_, peer_ids_));
}

TEST_F(CopiesTest, a_gather_that_fails_gives_the_slot_back_and_stops_the_stream) {
  set_up(std::make_unique<LateMover>(steady_, true));
  const Key key = offer(true);
  open(key);
  const wire::SlotRef slot = credit(0);
  const auto gathered = stub_.expect_past_ready<wire::RingGathered>();
  EXPECT_TRUE(gathered.slots[0].voided);
  const core::SlotWord word = stub_.word(slot);
  EXPECT_EQ(word.state, core::SlotState::kFree);
  EXPECT_EQ(word.generation.value, slot.generation.value + 1);
  EXPECT_EQ(stub_.expect<wire::RingStopped>().stream, kStream);
}

TEST_F(CopiesTest, stop_is_answered_after_the_copies_that_run) {
  set_up(std::make_unique<LateMover>(steady_, false));
  open(offer(true));
  stub_.expect_ready(n_chunks());
  wire::RingCredit credits{kStream, {}};
  for (std::uint32_t i = 0; i < 6; ++i) credits.slots.push_back(stub_.lend(kOwnRegion, i));
  stub_.send(credits);
  stub_.send(wire::RingStop{kStream, Reason::kCancelled});
  std::size_t gathered = 0;
  auto message = stub_.next();
  for (; std::holds_alternative<wire::RingGathered>(message); message = stub_.next()) ++gathered;
  const auto& stopped = std::get<wire::RingStopped>(message);
  EXPECT_EQ(gathered + stopped.unspent.size(), 6U);
  for (const wire::SlotRef& slot : stopped.unspent) {
    EXPECT_EQ(stub_.word(slot).state, core::SlotState::kLoaned);
  }
}

}  // namespace
}  // namespace pegaflow::client::testing
