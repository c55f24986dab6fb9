// What every transport promises about puts and flushes.
#include <algorithm>
#include <random>

#include "link_fixture.h"

namespace pegaflow::transport::testing {
namespace {

using Puts = LinkTest;

constexpr std::size_t kSizes[] = {
    1,    2,    3,    8,     63,    64,     65,      255,           1000,   4095,
    4096, 4097, 8192, 65536, 65537, 262143, 1 << 20, (1 << 20) + 1, 4 << 20};

TEST_P(Puts, of_every_size_land_exactly_where_they_were_sent) {
  std::size_t offset = 1;
  std::uint64_t seed = 100;
  for (const auto size : kSizes) {
    ASSERT_TRUE(side().put_pattern(++seed, offset, size).ok());
    flush_and_wait();
    ASSERT_EQ(peer_does(Command::kHasPattern, seed, offset, size), 1U) << size;
    offset = (offset * 7 + 3) % 4000;
  }
  EXPECT_EQ(side().record().flushed_failed, 0U);
}

struct Piece {
  std::size_t offset, size;
};

// All of a memory in pieces, short ones as likely as long ones, in any order.
std::vector<Piece> random_pieces(std::mt19937_64& dice) {
  std::vector<Piece> pieces;
  for (std::size_t offset = 0; offset < kMemoryBytes; offset += pieces.back().size) {
    const std::size_t most = std::size_t{1} << dice() % 21;
    pieces.push_back({offset, std::min<std::size_t>(1 + dice() % most, kMemoryBytes - offset)});
  }
  std::ranges::shuffle(pieces, dice);
  return pieces;
}

TEST_P(Puts, of_random_pieces_in_any_order_make_the_whole) {
  for (std::uint64_t seed = 1; seed <= 5; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    std::mt19937_64 dice(seed);
    side().fill_source(seed, kMemoryBytes);
    for (const Piece& piece : random_pieces(dice)) {
      const auto from = side().source().subspan(piece.offset, piece.size);
      Status status;
      ASSERT_TRUE(side().run_until([&] {
        status = worker().put(from, side().source_memory(), side().remote(), piece.offset);
        return status.ok() || status.error().code() != Code::kResourceExhausted;
      }));
      ASSERT_TRUE(status.ok()) << status.error().message();
    }
    flush_and_wait();
    ASSERT_EQ(peer_does(Command::kHasPattern, seed, 0, kMemoryBytes), 1U);
  }
  EXPECT_EQ(side().record().flushed_failed, 0U);
}

TEST_P(Puts, touch_no_byte_beside_their_range) {
  EXPECT_EQ(peer_does(Command::kPutFlush, 9, 1000, 100), 1U);
  const auto target = side().target_bytes();
  const auto range = std::span(target).subspan(1000, 100);
  EXPECT_TRUE(has_pattern(range, 9));
  EXPECT_EQ(std::ranges::count(target, std::byte{0}),
            std::ranges::count(range, std::byte{0}) +
                static_cast<std::ptrdiff_t>(target.size() - range.size()));
}

TEST_P(Puts, are_there_when_a_message_sent_from_the_flush_callback_arrives) {
  bool there = true;
  std::uint64_t seed = 0;
  side().message_hook = [&] { there = there && side().target_has(seed, 64, 1 << 20); };
  for (seed = 1; seed <= 20; ++seed) {
    peer_does(Command::kPutFlushSend, seed, 64, 1 << 20);
    ASSERT_TRUE(side().run_until([&] { return side().record().received == seed; }));
  }
  EXPECT_TRUE(there);
}

TEST_P(Puts, many_at_once_end_with_their_flushes_each_reported_once) {
  constexpr std::size_t kPutBytes = 64 << 10;
  const auto from = side().source().first(kPutBytes);
  side().fill_source(3, kPutBytes);
  const auto before = side().flushed();
  for (std::uint64_t token = 0; token < 64; ++token) {
    const auto put =
        worker().put(from, side().source_memory(), side().remote(), token % 60 * kPutBytes);
    ASSERT_TRUE(put.ok());
    ASSERT_TRUE(side().flush(token).ok());
  }
  ASSERT_TRUE(side().run_until([&] { return side().flushed() == before + 64; }));
  for (std::uint64_t token = 0; token < 64; ++token) EXPECT_EQ(side().reports_of(token), 1U);
  EXPECT_EQ(side().record().flushed_failed, 0U);
  EXPECT_EQ(peer_does(Command::kHasPattern, 3, 59 * kPutBytes, kPutBytes), 1U);
}

TEST_P(Puts, beyond_the_limit_are_refused_and_the_others_land) {
  peer_does(Command::kSleep);
  const auto from = side().source().first(4096);
  side().fill_source(8, from.size());
  Status status;
  std::size_t accepted = 0;
  for (; accepted < 5000 && status.ok(); ++accepted) {
    status = worker().put(from, side().source_memory(), side().remote(), accepted % 500 * 4096);
  }
  EXPECT_TRUE(status.ok() || status.error().code() == Code::kResourceExhausted);
  peer_does(Command::kWakeUp);
  flush_and_wait();
  EXPECT_EQ(side().record().flushed_failed, 0U);
  EXPECT_EQ(peer_does(Command::kHasPattern, 8, 0, 4096), 1U);
}

TEST_P(Puts, flushes_beyond_the_limit_are_refused_and_the_others_reported) {
  peer_does(Command::kSleep);
  ASSERT_TRUE(side().put_pattern(1, 0, 1 << 20).ok());  // so that tcp has something to wait for
  Status status;
  const auto before = side().flushed();
  std::uint64_t accepted = 0;
  while (accepted <= kMaxUnfinishedFlushes) {
    status = side().flush(accepted);
    if (!status.ok()) break;
    ++accepted;
  }
  ASSERT_FALSE(status.ok());
  EXPECT_EQ(status.error().code(), Code::kResourceExhausted);
  EXPECT_EQ(accepted, kMaxUnfinishedFlushes);
  peer_does(Command::kWakeUp);
  ASSERT_TRUE(side().run_until([&] { return side().flushed() == before + accepted; }));
  EXPECT_EQ(side().record().flushed_failed, 0U);
}

TEST_P(Puts, outside_either_memory_are_refused) {
  const auto code_of = [&](std::span<const std::byte> from, std::uint64_t offset) {
    const auto status = worker().put(from, side().source_memory(), side().remote(), offset);
    return status.ok() ? Code::kInternal : status.error().code();
  };
  const auto source = side().source();
  EXPECT_EQ(side().remote().size(), kMemoryBytes);
  EXPECT_EQ(code_of(source.first(10), kMemoryBytes - 9), Code::kInvalidArgument);
  EXPECT_EQ(code_of(source.first(10), kMemoryBytes + 1), Code::kInvalidArgument);
  EXPECT_EQ(code_of(source.first(10), ~std::uint64_t{0} - 5), Code::kInvalidArgument);
  EXPECT_EQ(code_of(source.first(0), 0), Code::kInvalidArgument);
  EXPECT_EQ(code_of({source.data() + kMemoryBytes - 5, 6}, 0), Code::kInvalidArgument);
  EXPECT_EQ(code_of({source.data() - 1, 6}, 0), Code::kInvalidArgument);
  EXPECT_EQ(code_of(side().target().first(10), 0), Code::kInvalidArgument);
  ASSERT_TRUE(worker()
                  .put(source.last(10), side().source_memory(), side().remote(), kMemoryBytes - 10)
                  .ok());
  flush_and_wait();
  EXPECT_EQ(side().record().flushed_failed, 0U);
}

TEST_P(Puts, land_in_memory_registered_anew) {
  for (int round = 0; round < 5; ++round) {
    ASSERT_TRUE(side().unpack(peer_gives(Command::kTargetKey)).ok());
    ASSERT_TRUE(side().put_pattern(50, 10, 70'000).ok());
    flush_and_wait();
    EXPECT_EQ(peer_does(Command::kHasPattern, 50, 10, 70'000), 1U);
  }
}

TEST_P(Puts, registrations_are_limited) {
  std::vector<std::unique_ptr<LocalMemory>> memories;
  auto memory = side().register_source();
  for (; memory.ok() && memories.size() < 100; memory = side().register_source()) {
    memories.push_back(std::move(memory).value());
  }
  ASSERT_FALSE(memory.ok());
  EXPECT_EQ(memory.error().code(), Code::kResourceExhausted);
  EXPECT_EQ(memories.size(), 62U);  // of 64; the source and the target have one each
  memories.pop_back();
  EXPECT_TRUE(side().register_source().ok());
  EXPECT_EQ(side().context().register_memory({}, MemoryKind::kHost).error().code(),
            Code::kInvalidArgument);
}

INSTANTIATE_TEST_SUITE_P(Transport, Puts, ::testing::ValuesIn(backends_under_test()),
                         ::testing::PrintToStringParamName());

}  // namespace
}  // namespace pegaflow::transport::testing
