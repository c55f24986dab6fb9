// The slot table, the credits and the two stream machines together, under random interleavings of
// everything that may happen next. No transport: what is "sent" waits in the model until a step
// delivers it.
#include <gtest/gtest.h>

#include <map>
#include <random>
#include <set>
#include <vector>

#include "core/credits.h"
#include "core/slot_table.h"
#include "core/stream_states.h"

namespace pegaflow::core {
namespace {

using namespace std::chrono_literals;

class Words final : public SlotWords {
 public:
  explicit Words(std::uint32_t n) : words_(n) {}
  std::atomic<std::uint64_t>& word(SlotIndex slot) override { return words_[slot.value]; }

 private:
  std::vector<std::atomic<std::uint64_t>> words_;
};

struct Stream {
  std::uint32_t total = 0;
  bool computes = true;  // its source becomes ready
  CreditStream credit = 0;
  SinkState sink = SinkState::kAsked;
  SourceState source = SourceState::kWaitOffer;
  std::uint32_t ready = 0, gathered = 0, scattered = 0;
  std::vector<Loan> lent;      // at the source, unclaimed
  std::vector<Loan> claimed;   // its writer is at work
  std::vector<Loan> filled;    // to be seen by the sink
  std::vector<Loan> draining;  // at the sink's reader
  int ends = 0;
  bool aborted = false;
};

class Model {
 public:
  Model(std::uint32_t seed, std::uint32_t slots, std::uint32_t streams, bool aborts)
      : random_(seed),
        words_(slots),
        table_(slots, words_),
        credits_(streams, slots, kWindow),
        aborts_(aborts) {
    streams_.resize(streams);
    for (std::uint32_t i = 0; i < streams; ++i) {
      Stream& s = streams_[i];
      s.total = static_cast<std::uint32_t>(1 + random_() % 12);
      s.computes = i % 3 != 0;
      s.credit = credits_.add(s.total, kWindow);
      by_credit_[s.credit] = i;
      if (credits_.take_eager(s.credit)) lend(s, i);
    }
  }

  void run(int steps) {
    for (int i = 0; i < steps; ++i) {
      step(streams_[random_() % streams_.size()]);
      distribute();
      if (i % 16 == 0) check();
    }
    settle();
    check();
  }

  bool all_computing_done() const {
    for (const Stream& s : streams_) {
      if (s.computes && s.ends != 1) return false;
    }
    return true;
  }
  bool none_ended_twice() const {
    for (const Stream& s : streams_) {
      if (s.ends > 1) return false;
    }
    return true;
  }
  std::uint32_t lost_slots() {
    std::uint32_t held = 0;
    for (const Stream& s : streams_) {
      held += static_cast<std::uint32_t>(s.lent.size() + s.claimed.size() + s.filled.size() +
                                         s.draining.size());
    }
    return table_.size() - table_.free_count() - held;
  }

 private:
  static constexpr std::uint32_t kWindow = 4;
  static constexpr WriterId kWriter{1};

  void lend(Stream& s, std::uint64_t user) { s.lent.push_back(*table_.loan(kWriter, user)); }

  template <typename T>
  T take(std::vector<T>& from) {
    std::swap(from[random_() % from.size()], from.back());
    const T item = from.back();
    from.pop_back();
    return item;
  }

  void apply(Stream& s, SinkEvent event) {
    const auto to = next(s.sink, event);
    ASSERT_TRUE(to.has_value()) << to_string(s.sink);
    s.sink = *to;
  }

  void step(Stream& s) {
    if (s.ends != 0) return;
    switch (random_() % 8) {
      case 0:
        return offer(s);
      case 1:
        return become_ready(s);
      case 2:
        return claim(s);
      case 3:
        return fill(s);
      case 4:
        return see(s);
      case 5:
        return scatter(s);
      case 6:
        return maybe_abort(s);
      default:
        return void_claim(s);
    }
  }

  void offer(Stream& s) {
    if (s.source != SourceState::kWaitOffer) return;
    s.source = *next(s.source, SourceEvent::kOffered);
    apply(s, SinkEvent::kNothingOwed);
  }
  void become_ready(Stream& s) {
    if (!s.computes || s.source != SourceState::kActive || s.ready == s.total) return;
    credits_.set_ready(s.credit, ++s.ready);
  }
  void claim(Stream& s) {
    // Only ready data is gathered, and only chunks that nobody gathers yet.
    const std::uint32_t begun = s.gathered + static_cast<std::uint32_t>(s.claimed.size());
    if (s.lent.empty() || begun >= s.ready) return;
    const Loan loan = take(s.lent);
    std::uint64_t expected = loaned_word(loan.generation, kWriter);
    const bool won = words_.word(loan.slot).compare_exchange_strong(
        expected, claimed_word(loan.generation, kWriter));
    if (won) s.claimed.push_back(loan);
  }
  void fill(Stream& s) {
    if (s.claimed.empty()) return;
    const Loan loan = take(s.claimed);
    words_.word(loan.slot) = filled_word(loan.generation, kWriter);
    ++s.gathered;
    s.filled.push_back(loan);
    if (s.gathered == s.total) s.source = *next(s.source, SourceEvent::kLeft);
  }
  void void_claim(Stream& s) {
    if (s.claimed.empty() || random_() % 4 != 0) return;
    const Loan loan = take(s.claimed);
    words_.word(loan.slot) = free_word({loan.generation.value + 1});
    ASSERT_EQ(table_.look(loan.slot), Observed::kVoided);
    table_.release(loan.slot);
    credits_.returned(s.credit);
  }
  void see(Stream& s) {
    if (s.filled.empty()) return;
    const Loan loan = take(s.filled);
    ASSERT_EQ(table_.look(loan.slot), Observed::kFilled);
    table_.accept(loan.slot);
    table_.drain(loan.slot);
    credits_.filled(s.credit);
    s.draining.push_back(loan);
    apply(s, credits_.ready(s.credit) > credits_.received(s.credit) ? SinkEvent::kOwed
                                                                    : SinkEvent::kNothingOwed);
  }
  void scatter(Stream& s) {
    if (s.draining.empty()) return;
    table_.release(take(s.draining).slot);
    if (++s.scattered == s.total) end(s, SinkEvent::kVerified);
  }
  void end(Stream& s, SinkEvent event) {
    apply(s, event);
    credits_.remove(s.credit);
    ++s.ends;
  }
  // D gives up: unclaimed slots come back at once, claimed ones when their writer is done.
  void maybe_abort(Stream& s) {
    if (!aborts_ || random_() % 64 != 0) return;
    apply(s, SinkEvent::kFail);
    credits_.remove(s.credit);
    s.aborted = true;
    for (const Loan& loan : s.lent) ASSERT_EQ(table_.revoke(loan.slot, now_), Recall::kFreed);
    for (const Loan& loan : s.claimed) {
      ASSERT_EQ(table_.revoke(loan.slot, now_), Recall::kQuarantined);
      late_.push_back(loan);
    }
    for (const Loan& loan : s.filled) ASSERT_EQ(table_.revoke(loan.slot, now_), Recall::kFreed);
    for (const Loan& loan : s.draining) table_.release(loan.slot);
    s.lent.clear();
    s.claimed.clear();
    s.filled.clear();
    s.draining.clear();
    apply(s, SinkEvent::kProven);
    ++s.ends;
  }
  void distribute() {
    while (table_.free_count() > 0) {
      const auto next_stream = credits_.next();
      if (!next_stream) return;
      const std::uint32_t index = by_credit_.at(*next_stream);
      lend(streams_[index], index);
    }
    recall();
  }
  void recall() {
    if (!credits_.starving()) return;
    for (Stream& s : streams_) {
      if (s.ends != 0 || s.lent.empty() || credits_.eager(s.credit) == 0) continue;
      const Loan loan = take(s.lent);
      ASSERT_EQ(table_.revoke(loan.slot, now_), Recall::kFreed);
      credits_.returned(s.credit);
    }
  }
  // Everything that can still happen, happens.
  void settle() {
    for (int round = 0; round < 4000 && !all_computing_done(); ++round) {
      for (Stream& s : streams_) {
        for (const auto action : {0, 1, 2, 3, 4, 5}) {
          if (s.ends == 0) settle_one(s, action);
        }
        distribute();
      }
    }
    for (const Loan& loan : late_) {
      words_.word(loan.slot) = filled_word(loan.generation, kWriter);  // the stopped writer goes on
    }
    table_.sweep(now_, 1h);
  }
  void settle_one(Stream& s, int action) {
    if (action == 0) offer(s);
    if (action == 1) become_ready(s);
    if (action == 2) claim(s);
    if (action == 3) fill(s);
    if (action == 4) see(s);
    if (action == 5) scatter(s);
  }
  void check() {
    std::set<std::uint32_t> owned;
    for (const Stream& s : streams_) {
      for (const auto* list : {&s.lent, &s.claimed, &s.filled, &s.draining}) {
        for (const Loan& loan : *list) {
          ASSERT_TRUE(owned.insert(loan.slot.value).second) << "a slot with two owners";
        }
      }
      if (s.ends != 0) continue;
      ASSERT_EQ(credits_.out(s.credit), s.lent.size() + s.claimed.size() + s.filled.size());
      ASSERT_LE(credits_.out(s.credit), kWindow);
    }
    for (const Loan& loan : late_) ASSERT_FALSE(owned.contains(loan.slot.value));
  }

  std::mt19937 random_;
  Words words_;
  SlotTable table_;
  Credits credits_;
  bool aborts_;
  TimePoint now_{1h};
  std::vector<Stream> streams_;
  std::map<CreditStream, std::uint32_t> by_credit_;
  std::vector<Loan> late_;
};

class ModelSeeds : public testing::TestWithParam<std::uint32_t> {};

// 64 streams on 16 slots, a third of which never become ready.
TEST_P(ModelSeeds, every_stream_that_computes_ends_although_others_never_do) {
  Model model(GetParam(), 16, 64, false);
  model.run(4000);
  EXPECT_TRUE(model.all_computing_done());
  EXPECT_TRUE(model.none_ended_twice());
  EXPECT_EQ(model.lost_slots(), 0U);
}

TEST_P(ModelSeeds, aborts_lose_no_slot_and_end_nothing_twice) {
  Model model(GetParam() + 1000, 16, 64, true);
  model.run(4000);
  EXPECT_TRUE(model.all_computing_done());
  EXPECT_TRUE(model.none_ended_twice());
  EXPECT_EQ(model.lost_slots(), 0U);
}

INSTANTIATE_TEST_SUITE_P(Random, ModelSeeds, testing::Range(0U, 100U));

}  // namespace
}  // namespace pegaflow::core
