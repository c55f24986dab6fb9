#include "memory/slot_memory.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <cstring>
#include <latch>
#include <thread>
#include <vector>

#include "core/slot_word.h"
#include "tests/wire/doc_examples.h"

namespace pegaflow::memory {
namespace {

constexpr SlotIndex kSlot{1};
constexpr WriterId kWriter{5};

// The whole memory as another process sees it.
std::vector<std::byte> content(const SlotControl& control) {
  std::vector<std::byte> bytes(SlotControl::kBytesPerSlot * control.slot_count());
  EXPECT_EQ(::pread(control.fd(), bytes.data(), bytes.size(), 0),
            static_cast<ssize_t>(bytes.size()));
  return bytes;
}

std::vector<std::byte> piece(const std::vector<std::byte>& bytes, std::size_t at,
                             std::size_t size) {
  const auto first = bytes.begin() + static_cast<std::ptrdiff_t>(at);
  return {first, first + static_cast<std::ptrdiff_t>(size)};
}

TEST(SlotControl, words_and_headers_lie_as_the_page_shows_them) {
  auto control = SlotControl::create(3);
  ASSERT_TRUE(control.ok()) << control.error().message();
  control->word(kSlot) = core::claimed_word(Generation{7}, kWriter);
  *control->header(kSlot) = {.xfer = 0x1122334455667788,
                             .peer = 7,
                             .stream = 0x99AABBCC,
                             .chunk = 5,
                             .bytes = 1U << 20U,
                             .checksum = 0xDEADBEEF,
                             .t_ready = 1'000'000'000,
                             .t_start = 1'000'003'904,
                             .t_end = 1'000'007'808,
                             .t_gathered = 0};
  const auto bytes = content(*control);
  const auto examples = doc_examples("slot.md");
  ASSERT_TRUE(examples.contains("word") && examples.contains("header"));
  EXPECT_EQ(piece(bytes, 128, 8), bytes_of_hex(examples.at("word")));
  EXPECT_EQ(piece(bytes, 128 + 64, 64), bytes_of_hex(examples.at("header")))
      << hex_of_bytes(piece(bytes, 128 + 64, 64));
  EXPECT_EQ(control->read_header(kSlot), *control->header(kSlot));
}

TEST(SlotControl, times_tell_the_gather_from_an_agents_copy) {
  SlotHeader header{.t_start = 1'000'000, .t_end = 4'000'999};
  EXPECT_EQ(times_of(header), (SlotTimes{3000, 0}));
  header.t_gathered = 3'000'000;
  EXPECT_EQ(times_of(header), (SlotTimes{2000, 1000}));
}

TEST(SlotControl, times_that_run_backwards_are_none) {
  EXPECT_EQ(times_of({.t_start = 5'000, .t_end = 4'000}), SlotTimes());
  EXPECT_EQ(times_of({.t_start = 9'000, .t_end = 4'000, .t_gathered = 5'000}), SlotTimes());
  EXPECT_EQ(times_of({.t_start = 0, .t_end = ~std::uint64_t{0}}).gather_us, ~0U);
}

TEST(SlotControl, starts_with_every_slot_free) {
  auto control = SlotControl::create(4);
  ASSERT_TRUE(control.ok());
  for (std::uint32_t slot = 0; slot < 4; ++slot) {
    EXPECT_EQ(control->word(SlotIndex{slot}).load(), core::free_word(Generation{0}));
  }
}

TEST(SlotControl, another_mapping_sees_the_same_words) {
  auto owner = SlotControl::create(4);
  ASSERT_TRUE(owner.ok());
  auto writer = SlotControl::map(UniqueFd(::dup(owner->fd())), 4);
  ASSERT_TRUE(writer.ok()) << writer.error().message();
  writer->word(kSlot) = core::filled_word(Generation{3}, kWriter);
  EXPECT_EQ(owner->word(kSlot).load(), core::filled_word(Generation{3}, kWriter));
}

TEST(SlotControl, another_number_of_slots_is_refused) {
  auto owner = SlotControl::create(64);
  ASSERT_TRUE(owner.ok());
  for (const std::uint32_t count : {0U, 63U, 65U, ~0U}) {
    auto mapped = SlotControl::map(UniqueFd(::dup(owner->fd())), count);
    ASSERT_FALSE(mapped.ok()) << count;
    EXPECT_EQ(mapped.error().code(), Code::kProtocol);
  }
}

TEST(SlotControlDeathTest, an_index_out_of_range_is_a_bug) {
  auto control = SlotControl::create(4);
  ASSERT_TRUE(control.ok());
  EXPECT_DEATH(std::ignore = control->word(SlotIndex{4}), "slot_count");
}

// Claim (writer) against revoke (owner), on their own mappings: one of them wins, never both, never
// none. Both go through all slots at once, without waiting for each other, however busy the
// machine. Both touch `touched` only after having won, so ThreadSanitizer would see a double win
// too.
TEST(SlotControl, exactly_one_of_claim_and_revoke_wins) {
  constexpr std::uint32_t kSlots = 4096;
  constexpr Generation kLent{1};
  auto owner = SlotControl::create(kSlots);
  ASSERT_TRUE(owner.ok());
  auto mapped = SlotControl::map(UniqueFd(::dup(owner->fd())), kSlots);
  ASSERT_TRUE(mapped.ok());
  const std::uint64_t lent = core::loaned_word(kLent, kWriter);
  std::vector<std::uint32_t> touched(kSlots);
  std::vector<char> claimed(kSlots);
  std::vector<char> revoked(kSlots);
  std::latch both{2};
  const auto race = [&](SlotControl& control, std::uint64_t wanted, std::vector<char>& won) {
    both.arrive_and_wait();
    for (std::uint32_t i = 0; i < kSlots; ++i) {
      std::uint64_t expected = lent;
      if (!control.word(SlotIndex{i})
               .compare_exchange_strong(expected, wanted, std::memory_order_acq_rel)) {
        continue;
      }
      won[i] = 1;
      ++touched[i];
    }
  };
  for (std::uint32_t i = 0; i < kSlots; ++i) owner->word(SlotIndex{i}) = lent;
  std::thread writer([&] { race(*mapped, core::claimed_word(kLent, kWriter), claimed); });
  race(*owner, core::free_word(Generation{2}), revoked);
  writer.join();
  for (std::uint32_t i = 0; i < kSlots; ++i) {
    ASSERT_NE(revoked[i], claimed[i]) << "slot " << i;
    ASSERT_EQ(touched[i], 1U) << "slot " << i;
    ASSERT_EQ(owner->word(SlotIndex{i}).load(), revoked[i] != 0
                                                    ? core::free_word(Generation{2})
                                                    : core::claimed_word(kLent, kWriter));
  }
}

// FILLED is a release store: whoever sees it sees header and bytes.
TEST(SlotControl, a_filled_word_publishes_the_header) {
  constexpr std::uint32_t kSlots = 4096;
  constexpr Generation kLent{1};
  auto control = SlotControl::create(kSlots);
  ASSERT_TRUE(control.ok());
  std::thread writer([&] {
    for (std::uint32_t i = 0; i < kSlots; ++i) {
      const SlotIndex slot{i};
      control->header(slot)->xfer = i + 1;
      control->header(slot)->t_end = ~std::uint64_t{i};
      control->word(slot).store(core::filled_word(kLent, kWriter), std::memory_order_release);
    }
  });
  for (std::uint32_t i = 0; i < kSlots; ++i) {
    const SlotIndex slot{i};
    while (control->word(slot).load(std::memory_order_acquire) !=
           core::filled_word(kLent, kWriter)) {
      std::this_thread::yield();
    }
    const SlotHeader header = control->read_header(slot);
    EXPECT_EQ(header.xfer, i + 1);
    EXPECT_EQ(header.t_end, ~std::uint64_t{i});
  }
  writer.join();
}

}  // namespace
}  // namespace pegaflow::memory
