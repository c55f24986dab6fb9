#include "memory/slot_memory.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <cstring>
#include <latch>
#include <thread>

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
                             .zero = 0};
  const auto bytes = content(*control);
  const auto examples = doc_examples("slot.md");
  ASSERT_TRUE(examples.contains("word") && examples.contains("header"));
  EXPECT_EQ(piece(bytes, 128, 8), bytes_of_hex(examples.at("word")));
  EXPECT_EQ(piece(bytes, 128 + 64, 64), bytes_of_hex(examples.at("header")))
      << hex_of_bytes(piece(bytes, 128 + 64, 64));
  EXPECT_EQ(control->read_header(kSlot), *control->header(kSlot));
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
// none. Both touch `touched` only after having won, so ThreadSanitizer would see a double win too.
TEST(SlotControl, exactly_one_of_claim_and_revoke_wins) {
  constexpr std::uint32_t kRounds = 20'000;
  auto control = SlotControl::create(1);
  ASSERT_TRUE(control.ok());
  auto& word = control->word(SlotIndex{0});
  std::uint32_t touched = 0;
  std::atomic<std::uint32_t> round{0};
  std::atomic<std::uint32_t> answered{0};
  std::atomic<bool> claimed{false};
  std::thread writer([&] {
    for (std::uint32_t g = 1; g <= kRounds; ++g) {
      while (round.load() != g) std::this_thread::yield();
      std::uint64_t expected = core::loaned_word(Generation{g}, kWriter);
      const bool won = word.compare_exchange_strong(
          expected, core::claimed_word(Generation{g}, kWriter), std::memory_order_acq_rel);
      if (won) ++touched;
      claimed = won;
      answered = g;
    }
  });
  for (std::uint32_t g = 1; g <= kRounds; ++g) {
    word = core::loaned_word(Generation{g}, kWriter);
    round = g;
    std::uint64_t expected = core::loaned_word(Generation{g}, kWriter);
    const bool revoked = word.compare_exchange_strong(expected, core::free_word(Generation{g + 1}),
                                                      std::memory_order_acq_rel);
    if (revoked) ++touched;
    while (answered.load() != g) std::this_thread::yield();
    ASSERT_NE(revoked, claimed.load()) << "round " << g;
    ASSERT_EQ(word.load(), revoked ? core::free_word(Generation{g + 1})
                                   : core::claimed_word(Generation{g}, kWriter));
  }
  writer.join();
  EXPECT_EQ(touched, kRounds);
}

// FILLED is a release store: whoever sees it sees header and bytes.
TEST(SlotControl, a_filled_word_publishes_the_header) {
  constexpr std::uint32_t kRounds = 5'000;
  auto control = SlotControl::create(1);
  ASSERT_TRUE(control.ok());
  const SlotIndex slot{0};
  std::thread writer([&] {
    for (std::uint32_t g = 1; g <= kRounds; ++g) {
      while (control->word(slot).load(std::memory_order_acquire) !=
             core::loaned_word(Generation{g}, kWriter)) {
        std::this_thread::yield();
      }
      control->header(slot)->xfer = g;
      control->header(slot)->t_end = ~std::uint64_t{g};
      control->word(slot).store(core::filled_word(Generation{g}, kWriter),
                                std::memory_order_release);
    }
  });
  for (std::uint32_t g = 1; g <= kRounds; ++g) {
    control->word(slot).store(core::loaned_word(Generation{g}, kWriter), std::memory_order_release);
    while (control->word(slot).load(std::memory_order_acquire) !=
           core::filled_word(Generation{g}, kWriter)) {
      std::this_thread::yield();
    }
    const SlotHeader header = control->read_header(slot);
    ASSERT_EQ(header.xfer, g);
    ASSERT_EQ(header.t_end, ~std::uint64_t{g});
  }
  writer.join();
}

}  // namespace
}  // namespace pegaflow::memory
