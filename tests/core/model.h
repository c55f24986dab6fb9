// The model of model_test.cc: the slot table, the credits and the two stream machines together,
// under random interleavings of everything that may happen next. No transport: what is "sent" waits
// in the model until a step delivers it.
#pragma once

#include <gtest/gtest.h>

#include <map>
#include <random>
#include <set>
#include <vector>

#include "core/credits.h"
#include "core/slot_table.h"
#include "core/stream_states.h"

namespace pegaflow::core {

class ModelWords final : public SlotWords {
 public:
  explicit ModelWords(std::uint32_t n) : words_(n) {}
  std::atomic<std::uint64_t>& word(SlotIndex slot) override { return words_[slot.value]; }

 private:
  std::vector<std::atomic<std::uint64_t>> words_;
};

struct ModelStream {
  std::uint32_t total = 0;
  bool computes = true;  // its source becomes ready
  CreditStream credit = 0;
  SinkState sink = SinkState::kAsked;
  SourceState source = SourceState::kWaitOffer;
  std::uint32_t ready = 0, gathered = 0, scattered = 0;
  std::vector<Loan> lent;         // at the source, unclaimed
  std::vector<Loan> claimed;      // its writer is at work
  std::vector<Loan> filled;       // to be seen by the sink
  std::vector<Loan> draining;     // at the sink's reader
  int ends = 0, source_ends = 0;  // how often each machine came to its end
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
      ModelStream& s = streams_[i];
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
    for (const ModelStream& s : streams_) {
      if (s.computes && s.ends != 1) return false;
    }
    return true;
  }
  bool each_ended_once_or_not_at_all() const {
    for (const ModelStream& s : streams_) {
      if (s.ends > 1 || s.source_ends != s.ends) return false;
    }
    return true;
  }
  std::uint32_t lost_slots() {
    std::uint32_t held = 0;
    for (const ModelStream& s : streams_) {
      held += static_cast<std::uint32_t>(s.lent.size() + s.claimed.size() + s.filled.size() +
                                         s.draining.size());
    }
    return table_.size() - table_.free_count() - held;
  }

 private:
  static constexpr std::uint32_t kWindow = 4;
  static constexpr WriterId kWriter{1};

  void lend(ModelStream& s, std::uint64_t user) { s.lent.push_back(*table_.loan(kWriter, user)); }

  template <typename T>
  T take(std::vector<T>& from) {
    std::swap(from[random_() % from.size()], from.back());
    const T item = from.back();
    from.pop_back();
    return item;
  }

  void apply(ModelStream& s, SinkEvent event) {
    const auto to = next(s.sink, event);
    ASSERT_TRUE(to.has_value()) << to_string(s.sink);
    s.sink = *to;
    if (s.sink == SinkState::kEnded) ++s.ends;
  }
  void apply(ModelStream& s, SourceEvent event) {
    const auto to = next(s.source, event);
    ASSERT_TRUE(to.has_value()) << to_string(s.source);
    s.source = *to;
    if (s.source == SourceState::kEnded) ++s.source_ends;
  }
  // What comes after the end of a stream: if a machine takes it, the end was none.
  void late(ModelStream& s) {
    const auto to_sink = static_cast<SinkEvent>(random_() % 6);
    const auto to_source = static_cast<SourceEvent>(random_() % 5);
    if (next(s.sink, to_sink)) apply(s, to_sink);
    const bool waits = s.source == SourceState::kEnding && to_source == SourceEvent::kDrained;
    if (!waits && next(s.source, to_source)) apply(s, to_source);
  }

  void step(ModelStream& s) {
    if (s.ends != 0) return late(s);
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

  void offer(ModelStream& s) {
    if (s.source != SourceState::kWaitOffer) return;
    apply(s, SourceEvent::kOffered);
    apply(s, SinkEvent::kNothingOwed);
  }
  void become_ready(ModelStream& s) {
    if (!s.computes || s.source != SourceState::kActive || s.ready == s.total) return;
    credits_.set_ready(s.credit, ++s.ready);
  }
  void claim(ModelStream& s) {
    // Only ready data is gathered, and only chunks that nobody gathers yet.
    const std::uint32_t begun = s.gathered + static_cast<std::uint32_t>(s.claimed.size());
    if (s.lent.empty() || begun >= s.ready) return;
    const Loan loan = take(s.lent);
    std::uint64_t expected = loaned_word(loan.generation, kWriter);
    const bool won = words_.word(loan.slot).compare_exchange_strong(
        expected, claimed_word(loan.generation, kWriter));
    if (won) s.claimed.push_back(loan);
  }
  void fill(ModelStream& s) {
    if (s.claimed.empty()) return;
    const Loan loan = take(s.claimed);
    words_.word(loan.slot) = filled_word(loan.generation, kWriter);
    ++s.gathered;
    s.filled.push_back(loan);
    if (s.gathered == s.total) apply(s, SourceEvent::kLeft);
  }
  void void_claim(ModelStream& s) {
    if (s.claimed.empty() || random_() % 4 != 0) return;
    const Loan loan = take(s.claimed);
    words_.word(loan.slot) = free_word({loan.generation.value + 1});
    ASSERT_EQ(table_.look(loan.slot), Observed::kVoided);
    table_.release(loan.slot);
    credits_.returned(s.credit);
  }
  void see(ModelStream& s) {
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
  void scatter(ModelStream& s) {
    if (s.draining.empty()) return;
    table_.release(take(s.draining).slot);
    if (++s.scattered < s.total) return;
    apply(s, SinkEvent::kVerified);
    apply(s, SourceEvent::kDone);
    credits_.remove(s.credit);
  }
  // D gives up: unclaimed slots come back at once, claimed ones when their writer is done.
  void maybe_abort(ModelStream& s) {
    if (!aborts_ || random_() % 64 != 0) return;
    apply(s, SinkEvent::kFail);
    apply(s, SourceEvent::kAbort);
    credits_.remove(s.credit);
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
    for (ModelStream& s : streams_) {
      if (s.ends != 0 || s.lent.empty() || credits_.eager(s.credit) == 0) continue;
      const Loan loan = take(s.lent);
      ASSERT_TRUE(table_.take_back(loan.slot));
      credits_.returned(s.credit);
    }
  }
  // Everything that can still happen, happens.
  void settle() {
    for (int round = 0; round < 4000 && !all_computing_done(); ++round) {
      for (ModelStream& s : streams_) {
        for (const auto action : {0, 1, 2, 3, 4, 5}) {
          if (s.ends == 0) settle_one(s, action);
        }
        distribute();
      }
    }
    for (const Loan& loan : late_) {
      words_.word(loan.slot) = filled_word(loan.generation, kWriter);  // the stopped writer goes on
    }
    table_.sweep(now_, std::chrono::hours(1));
    for (ModelStream& s : streams_) {
      if (s.source == SourceState::kEnding) apply(s, SourceEvent::kDrained);
    }
  }
  void settle_one(ModelStream& s, int action) {
    if (action == 0) offer(s);
    if (action == 1) become_ready(s);
    if (action == 2) claim(s);
    if (action == 3) fill(s);
    if (action == 4) see(s);
    if (action == 5) scatter(s);
  }
  void check() {
    std::set<std::uint32_t> owned;
    for (const ModelStream& s : streams_) {
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
  ModelWords words_;
  SlotTable table_;
  Credits credits_;
  bool aborts_;
  TimePoint now_{std::chrono::hours(1)};
  std::vector<ModelStream> streams_;
  std::map<CreditStream, std::uint32_t> by_credit_;
  std::vector<Loan> late_;
};

}  // namespace pegaflow::core
