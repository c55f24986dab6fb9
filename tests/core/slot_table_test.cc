#include "core/slot_table.h"

#include <gtest/gtest.h>

#include <deque>
#include <latch>
#include <thread>
#include <vector>

namespace pegaflow::core {
namespace {

using namespace std::chrono_literals;

class Words final : public SlotWords {
 public:
  std::atomic<std::uint64_t>& word(SlotIndex slot) override {
    while (words_.size() <= slot.value) words_.emplace_back(0);
    return words_[slot.value];
  }

 private:
  std::deque<std::atomic<std::uint64_t>> words_;
};

class SlotTableTest : public testing::Test {
 protected:
  std::atomic<std::uint64_t>& word(const Loan& loan) { return words_.word(loan.slot); }
  void writer_claims(const Loan& loan) { word(loan) = claimed_word(loan.generation, kWriter); }
  void writer_fills(const Loan& loan) { word(loan) = filled_word(loan.generation, kWriter); }
  void writer_voids(const Loan& loan) { word(loan) = free_word({loan.generation.value + 1}); }

  static constexpr WriterId kWriter{7};
  Words words_;
  SlotTable table_{4, words_};
  TimePoint now_{1h};
};

TEST_F(SlotTableTest, words_pack_and_unpack) {
  const SlotWord word{Generation{0xABCD1234}, WriterId{0xFEDC}, SlotState::kClaimed};
  EXPECT_EQ(unpack(pack(word)), word);
  EXPECT_EQ(pack(word), 0xABCD1234FEDC0200U);
}

TEST_F(SlotTableTest, reserved_bits_and_states_are_refused) {
  EXPECT_FALSE(unpack(1).has_value());
  EXPECT_FALSE(unpack(std::uint64_t{7} << 8U).has_value());  // RESIDENT
  EXPECT_FALSE(unpack(std::uint64_t{99} << 8U).has_value());
}

TEST_F(SlotTableTest, all_slots_can_be_lent_and_then_none) {
  for (int i = 0; i < 4; ++i) EXPECT_TRUE(table_.loan(kWriter, 1).has_value());
  EXPECT_FALSE(table_.loan(kWriter, 1).has_value());
  EXPECT_EQ(table_.free_count(), 0U);
}

TEST_F(SlotTableTest, a_freed_slot_has_the_next_generation) {
  const Loan first = *table_.loan(kWriter, 1);
  table_.release(first.slot);
  const Loan second = *table_.loan(kWriter, 2);
  EXPECT_EQ(second.slot, first.slot);
  EXPECT_EQ(second.generation.value, first.generation.value + 1);
  EXPECT_FALSE(table_.is(first.slot, first.generation, 1));
  EXPECT_TRUE(table_.is(second.slot, second.generation, 2));
}

TEST_F(SlotTableTest, revoking_an_unclaimed_slot_wins_and_the_writer_loses) {
  const Loan loan = *table_.loan(kWriter, 1);
  EXPECT_EQ(table_.revoke(loan.slot, now_), Recall::kFreed);
  std::uint64_t expected = loaned_word(loan.generation, kWriter);
  EXPECT_FALSE(
      word(loan).compare_exchange_strong(expected, claimed_word(loan.generation, kWriter)));
}

TEST_F(SlotTableTest, what_a_writer_has_claimed_is_not_taken_back_and_comes_filled) {
  const Loan claimed = *table_.loan(kWriter, 1);
  const Loan filled = *table_.loan(kWriter, 1);
  const Loan untouched = *table_.loan(kWriter, 1);
  writer_claims(claimed);
  writer_claims(filled);
  writer_fills(filled);
  EXPECT_TRUE(table_.take_back(untouched.slot));
  for (const Loan& loan : {claimed, filled}) {
    EXPECT_FALSE(table_.take_back(loan.slot));
    EXPECT_EQ(table_.state(loan.slot), SlotState::kLoaned);
  }
  writer_fills(claimed);
  for (const Loan& loan : {claimed, filled}) {
    ASSERT_EQ(table_.look(loan.slot), Observed::kFilled);
    table_.accept(loan.slot);
    EXPECT_EQ(table_.state(loan.slot), SlotState::kFilled);
  }
}

TEST_F(SlotTableTest, revoking_a_claimed_slot_quarantines_it_until_it_is_filled) {
  const Loan loan = *table_.loan(kWriter, 1);
  writer_claims(loan);
  EXPECT_EQ(table_.revoke(loan.slot, now_), Recall::kQuarantined);
  EXPECT_EQ(table_.sweep(now_ + 1s, 5s), 0U);
  EXPECT_EQ(table_.free_count(), 3U);
  writer_fills(loan);
  EXPECT_EQ(table_.sweep(now_ + 1s, 5s), 1U);
  EXPECT_EQ(table_.free_count(), 4U);
}

TEST_F(SlotTableTest, a_claim_given_up_frees_the_quarantined_slot) {
  const Loan loan = *table_.loan(kWriter, 1);
  writer_claims(loan);
  ASSERT_EQ(table_.revoke(loan.slot, now_), Recall::kQuarantined);
  writer_voids(loan);
  EXPECT_EQ(table_.sweep(now_, 5s), 1U);
  EXPECT_EQ(table_.free_count(), 4U);
}

TEST_F(SlotTableTest, without_proof_a_slot_is_retired_and_a_late_proof_brings_it_back) {
  const Loan loan = *table_.loan(kWriter, 1);
  writer_claims(loan);
  ASSERT_EQ(table_.revoke(loan.slot, now_), Recall::kQuarantined);
  EXPECT_EQ(table_.sweep(now_ + 5s, 5s), 1U);
  EXPECT_EQ(table_.usable_count(), 3U);
  table_.prove_writer(kWriter, [](SlotIndex) {});
  EXPECT_EQ(table_.usable_count(), 4U);
  EXPECT_EQ(table_.free_count(), 4U);
}

TEST_F(SlotTableTest, a_proof_for_one_writer_leaves_the_slots_of_others) {
  const Loan theirs = *table_.loan(WriterId{8}, 1);
  const Loan ours = *table_.loan(kWriter, 2);
  table_.quarantine(ours.slot, now_);
  table_.prove_writer(kWriter, [](SlotIndex) {});
  EXPECT_EQ(table_.state(ours.slot), SlotState::kFree);
  EXPECT_EQ(table_.state(theirs.slot), SlotState::kLoaned);
}

TEST_F(SlotTableTest, a_scribbled_word_is_seen_as_broken) {
  const Loan loan = *table_.loan(kWriter, 1);
  word(loan) = filled_word({loan.generation.value + 5}, kWriter);
  EXPECT_EQ(table_.look(loan.slot), Observed::kBroken);
  word(loan) = ~std::uint64_t{0};
  EXPECT_EQ(table_.look(loan.slot), Observed::kBroken);
}

TEST_F(SlotTableTest, counts_add_up_to_all_slots) {
  const Loan a = *table_.loan(kWriter, 1);
  const Loan b = *table_.loan(kWriter, 1);
  table_.accept(a.slot);
  table_.drain(a.slot);
  table_.quarantine(b.slot, now_);
  std::uint32_t sum = 0;
  for (const std::uint32_t count : table_.counts()) sum += count;
  EXPECT_EQ(sum, 4U);
}

// The owner and a writer go through all slots at once, without waiting for each other. `owner` says
// whether it got the slot.
template <typename Owner>
void race(Owner&& owner) {
  constexpr std::uint32_t kSlots = 2000;
  constexpr WriterId kWriter{1};
  Words words;
  SlotTable table(kSlots, words);
  std::vector<Loan> loans;
  for (std::uint32_t i = 0; i < kSlots; ++i) loans.push_back(*table.loan(kWriter, 1));
  std::vector<char> claimed(kSlots), owned(kSlots);
  std::latch both{2};
  std::thread writer([&] {
    both.arrive_and_wait();
    for (std::uint32_t i = 0; i < kSlots; ++i) {
      const Loan& loan = loans[i];
      std::uint64_t expected = loaned_word(loan.generation, kWriter);
      if (words.word(loan.slot).compare_exchange_strong(expected,
                                                        claimed_word(loan.generation, kWriter))) {
        claimed[i] = 1;
      }
    }
  });
  both.arrive_and_wait();
  for (std::uint32_t i = 0; i < kSlots; ++i) owned[i] = owner(table, loans[i].slot) ? 1 : 0;
  writer.join();
  for (std::uint32_t i = 0; i < kSlots; ++i) {
    ASSERT_NE(claimed[i], owned[i]) << "slot " << i;
    if (claimed[i] != 0) {
      ASSERT_NE(table.state(loans[i].slot), SlotState::kFree) << "slot " << i;
    }
  }
}

TEST(SlotRace, exactly_one_of_claim_and_revoke_wins) {
  race([](SlotTable& table, SlotIndex slot) {
    return table.revoke(slot, TimePoint(1h)) == Recall::kFreed;
  });
}

TEST(SlotRace, a_claim_that_wins_leaves_the_slot_on_loan) {
  race([](SlotTable& table, SlotIndex slot) {
    const bool taken = table.take_back(slot);
    EXPECT_TRUE(taken || table.state(slot) == SlotState::kLoaned);
    return taken;
  });
}

}  // namespace
}  // namespace pegaflow::core
