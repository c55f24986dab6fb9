#include "memory/ring.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <cstring>
#include <thread>

#include "base/crc32c.h"
#include "base/event_fd.h"
#include "memory/ring_messages.h"
#include "shared_values.h"
#include "tests/base/poll_until.h"
#include "tests/wire/doc_examples.h"
#include "tests/wire/example_ring.h"

namespace pegaflow::memory {
namespace {

using testing::HasSubstr;
using Bytes = std::vector<std::byte>;
constexpr std::uint32_t kEntries = 16;
constexpr auto kUp = RingDirection::kClientToAgent;

Bytes payload_of(std::size_t size, std::uint8_t first) {
  Bytes bytes(size);
  for (std::size_t i = 0; i < size; ++i) bytes[i] = static_cast<std::byte>(first + i * 7);
  return bytes;
}

class Ring : public testing::Test {
 protected:
  RingMemory memory_ = *RingMemory::create(kEntries);
  // The same memory as another process would map it, for going behind the ring's back.
  SharedMemory raw_ = *SharedMemory::map("test", UniqueFd(::dup(memory_.fd())),
                                         512 + 2 * 128 * std::size_t{kEntries});
  RingWriter writer_ = memory_.writer(kUp);
  RingReader reader_ = memory_.reader(kUp);

  bool write(std::uint8_t type, const Bytes& payload) {
    auto written = writer_.try_write(type, payload);
    EXPECT_TRUE(written.ok());
    return written.ok() && *written;
  }
  void expect_next(std::uint8_t type, const Bytes& payload) {
    auto message = reader_.next();
    ASSERT_TRUE(message.ok()) << message.error().message();
    ASSERT_TRUE(message->has_value());
    EXPECT_EQ((*message)->type, type);
    EXPECT_TRUE(std::ranges::equal((*message)->payload, payload));
  }
  void expect_empty() {
    auto message = reader_.next();
    ASSERT_TRUE(message.ok()) << message.error().message();
    EXPECT_FALSE(message->has_value());
  }
  std::string refusal() {
    auto message = reader_.next();
    if (message.ok()) return message->has_value() ? "(a message)" : "(nothing)";
    EXPECT_EQ(message.error().code(), Code::kProtocol);
    return message.error().message();
  }
  // Changes a byte of an entry of the first ring and makes its checksum right.
  void forge(std::size_t entry, std::size_t offset, std::uint8_t value) {
    const auto at = raw_.bytes().subspan(512 + 128 * entry, 128);
    at[offset] = std::byte{value};
    const std::uint32_t crc = crc32c(at.subspan(4));
    std::memcpy(at.data(), &crc, sizeof crc);
  }
};

TEST_F(Ring, messages_of_every_size_arrive_in_order) {
  for (std::size_t size = 0; size <= wire::kMaxRingMessageBytes; ++size) {
    const auto type = static_cast<std::uint8_t>(1 + size % 255);
    ASSERT_TRUE(write(type, payload_of(size, type)));
    expect_next(type, payload_of(size, type));
  }
  expect_empty();
}

TEST_F(Ring, a_full_ring_refuses_and_loses_nothing) {
  for (std::uint8_t i = 0; i < kEntries - 1; ++i) ASSERT_TRUE(write(1, payload_of(9, i)));
  EXPECT_FALSE(write(2, payload_of(113, 0)));  // two entries, one is free
  EXPECT_TRUE(write(1, payload_of(9, kEntries - 1)));
  EXPECT_FALSE(write(1, payload_of(9, 99)));
  EXPECT_FALSE(writer_.drained());
  for (std::uint8_t i = 0; i < kEntries; ++i) expect_next(1, payload_of(9, i));
  expect_empty();
  EXPECT_TRUE(writer_.drained());
  EXPECT_TRUE(write(2, payload_of(113, 0)));
}

TEST_F(Ring, the_two_directions_do_not_mix) {
  RingWriter down = memory_.writer(RingDirection::kAgentToClient);
  ASSERT_TRUE(write(1, payload_of(5, 1)));
  ASSERT_TRUE(*down.try_write(2, payload_of(500, 2)));
  expect_next(1, payload_of(5, 1));
  expect_empty();
  RingReader other = memory_.reader(RingDirection::kAgentToClient);
  auto message = other.next();
  ASSERT_TRUE(message.ok() && message->has_value());
  EXPECT_EQ((*message)->type, 2);
}

TEST_F(Ring, an_entry_is_as_the_page_shows_it) {
  const auto examples = doc_examples("ring.md");
  ASSERT_TRUE(examples.contains("entry"));
  ASSERT_TRUE(*write_message(writer_, wire::example_client_messages()[4]));
  const auto entry = raw_.bytes().subspan(512, 128);
  EXPECT_EQ(bytes_of_hex(examples.at("entry")), Bytes(entry.begin(), entry.end()))
      << "should be\n"
      << hex_of_bytes(entry);
}

TEST_F(Ring, the_counters_lie_where_the_page_says) {
  Words words(raw_.bytes());
  ASSERT_TRUE(write(1, payload_of(200, 1)));
  EXPECT_EQ(words.load(0), 2U);  // written
  EXPECT_EQ(words.load(64 / 8), 0U);
  expect_next(1, payload_of(200, 1));
  EXPECT_EQ(words.load(64 / 8), 2U);  // read
  EXPECT_TRUE(reader_.announce_sleep());
  EXPECT_EQ(words.load(128 / 8), 1U);  // asleep
  memory_.client_tick() = 11;
  memory_.agent_tick() = 12;
  EXPECT_EQ(words.load(384 / 8), 11U);
  EXPECT_EQ(words.load(448 / 8), 12U);
}

TEST_F(Ring, typed_messages_travel) {
  for (const auto& message : wire::example_client_messages()) {
    ASSERT_TRUE(*write_message(writer_, message));
    auto read = read_client_message(reader_);
    ASSERT_TRUE(read.ok() && read->has_value());
    EXPECT_TRUE(**read == message);
  }
  RingWriter down = memory_.writer(RingDirection::kAgentToClient);
  RingReader other = memory_.reader(RingDirection::kAgentToClient);
  for (const auto& message : wire::example_agent_messages()) {
    ASSERT_TRUE(*write_message(down, message));
    auto read = read_agent_message(other);
    ASSERT_TRUE(read.ok() && read->has_value());
    EXPECT_TRUE(**read == message);
  }
}

TEST_F(Ring, a_payload_that_no_codec_writes_is_refused) {
  ASSERT_TRUE(write(200, payload_of(3, 0)));
  auto read = read_client_message(reader_);
  ASSERT_FALSE(read.ok());
  EXPECT_EQ(read.error().code(), Code::kProtocol);
}

TEST_F(Ring, a_sleeper_is_signalled_once) {
  EXPECT_FALSE(writer_.claim_wakeup());
  ASSERT_TRUE(reader_.announce_sleep());
  ASSERT_TRUE(write(1, payload_of(1, 1)));
  EXPECT_TRUE(writer_.claim_wakeup());
  EXPECT_FALSE(writer_.claim_wakeup());
  EXPECT_FALSE(reader_.announce_sleep()) << "there is something to read";
  EXPECT_FALSE(writer_.claim_wakeup());
  expect_next(1, payload_of(1, 1));
  ASSERT_TRUE(reader_.announce_sleep());
  reader_.awake();
  EXPECT_FALSE(writer_.claim_wakeup());
}

TEST_F(Ring, every_flipped_bit_of_an_entry_is_put_right) {
  RingWriter writer = memory_.writer(kUp);
  RingReader reader = memory_.reader(kUp);
  for (std::size_t bit = 0; bit < 128 * 8; ++bit) {
    const std::size_t place = 512 + 128 * (bit % kEntries);
    ASSERT_TRUE(*writer.try_write(1, payload_of(20, static_cast<std::uint8_t>(bit % 256))));
    raw_.bytes()[place + bit / 8] ^= std::byte{static_cast<unsigned char>(1U << (bit % 8))};
    const auto message = reader.next();
    ASSERT_TRUE(message.ok() && message->has_value()) << bit;
    EXPECT_EQ(Bytes((*message)->payload.begin(), (*message)->payload.end()),
              payload_of(20, static_cast<std::uint8_t>(bit % 256)));
    EXPECT_EQ(reader.mended(), bit + 1);
  }
}

TEST_F(Ring, every_changed_byte_of_an_entry_is_noticed) {
  for (std::size_t offset = 0; offset < 128; ++offset) {
    RingMemory memory = *RingMemory::create(kEntries);
    SharedMemory raw = *SharedMemory::map("test", UniqueFd(::dup(memory.fd())),
                                          512 + 2 * 128 * std::size_t{kEntries});
    RingWriter writer = memory.writer(kUp);
    ASSERT_TRUE(*writer.try_write(1, payload_of(20, 0)));
    raw.bytes()[512 + offset] ^= std::byte{0x41};
    RingReader reader = memory.reader(kUp);
    EXPECT_FALSE(reader.next().ok()) << offset;
  }
}

TEST_F(Ring, forged_entries_are_refused_by_what_is_wrong) {
  ASSERT_TRUE(write(1, payload_of(200, 0)));
  const Bytes good(raw_.bytes().begin(), raw_.bytes().end());
  const auto restore = [&] { std::ranges::copy(good, raw_.bytes().begin()); };
  struct Forgery {
    std::size_t entry, offset;
    std::uint8_t value;
    const char* what;
  };
  for (const Forgery& forgery : std::initializer_list<Forgery>{
           {0, 4, 9, "sequence is 9"},
           {0, 8, 0, "type is 0"},
           {0, 10, 0, "part 0 of 0"},
           {0, 10, 9, "part 0 of 9"},
           {0, 9, 2, "part 2 of 2"},
           {0, 9, 1, "does not continue"},
           {0, 10, 3, "not complete"},
           {0, 11, 111, "111 payload bytes"},
           {0, 11, 113, "113 payload bytes"},
           {1, 11, 0, "0 payload bytes"},
           {1, 8, 2, "does not continue"},
           {1, 9, 0, "88 payload bytes"},
           {1, 12, 1, "not zero"},
           {1, 127, 1, "not zero"},
       }) {
    forge(forgery.entry, forgery.offset, forgery.value);
    EXPECT_THAT(refusal(), HasSubstr(forgery.what)) << forgery.entry << ' ' << forgery.offset;
    restore();
  }
  expect_next(1, payload_of(200, 0));
}

TEST_F(Ring, impossible_indices_are_refused_on_both_sides) {
  Words words(raw_.bytes());
  words.store(0, kEntries + 1);
  EXPECT_THAT(refusal(), HasSubstr("impossible"));
  EXPECT_FALSE(reader_.announce_sleep()) << "whoever looks again finds the error";
  words.store(0, ~std::uint64_t{0});
  EXPECT_THAT(refusal(), HasSubstr("impossible"));
  words.store(0, 0);
  words.store(64 / 8, 1);
  auto written = writer_.try_write(1, {});
  ASSERT_FALSE(written.ok());
  EXPECT_EQ(written.error().code(), Code::kProtocol);
}

TEST_F(Ring, a_reader_survives_a_writer_of_random_bytes) {
  std::atomic<bool> stop{false};
  std::thread hostile([&] {
    std::mt19937_64 random(1);
    Words words(raw_.bytes());
    while (!stop) {
      // Plausible indices mostly, so that entries are looked at; sometimes a true entry.
      words.store(0, random() % 4 == 0 ? random() : random() % (2 * kEntries));
      for (int i = 0; i < 32; ++i) words.store(random() % words.size(), random());
    }
  });
  std::size_t refused = 0;
  // On a busy machine the hostile thread may not have run at all when the reader is through.
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(30);
  for (int i = 0; i < 20'000 || (refused == 0 && std::chrono::steady_clock::now() < deadline);
       ++i) {
    auto message = reader_.next();
    if (!message.ok()) ++refused;
    if (message.ok() && message->has_value()) {
      EXPECT_LE((*message)->payload.size(), wire::kMaxRingMessageBytes);
    }
    if (reader_.announce_sleep()) reader_.awake();
    std::ignore = writer_.try_write(1, {});
  }
  stop = true;
  hostile.join();
  EXPECT_GT(refused, 0U);
}

// One byte of valid content is changed at a time, behind a right checksum: whatever comes out is
// within bounds.
TEST_F(Ring, a_reader_survives_well_made_lies) {
  EXPECT_TRUE(rc::check([&] {
    RingMemory memory = *RingMemory::create(kEntries);
    SharedMemory raw = *SharedMemory::map("test", UniqueFd(::dup(memory.fd())),
                                          512 + 2 * 128 * std::size_t{kEntries});
    RingWriter writer = memory.writer(kUp);
    const auto sizes = *rc::gen::container<std::vector<std::size_t>>(
        2, rc::gen::inRange<std::size_t>(0, wire::kMaxRingMessageBytes + 1));
    for (const std::size_t size : sizes) {
      std::ignore = writer.try_write(3, payload_of(size, 1));
    }
    for (std::size_t entry = 0; entry < kEntries; ++entry) {
      const auto at = raw.bytes().subspan(512 + 128 * entry, 128);
      const auto offset = *rc::gen::inRange<std::size_t>(8, 16);
      at[offset] = static_cast<std::byte>(*rc::gen::arbitrary<std::uint8_t>());
      const std::uint32_t crc = crc32c(at.subspan(4));
      std::memcpy(at.data(), &crc, sizeof crc);
    }
    RingReader reader = memory.reader(kUp);
    for (std::size_t i = 0; i <= kEntries; ++i) {
      auto message = reader.next();
      if (!message.ok() || !message->has_value()) return;
      RC_ASSERT((*message)->payload.size() <= wire::kMaxRingMessageBytes);
    }
    RC_FAIL("more messages than entries");
  }));
}

TEST_F(Ring, two_threads_exchange_all_messages_and_wake_each_other) {
  constexpr std::uint32_t kMessages = 5'000;
  auto wake = EventFd::create();
  auto room = EventFd::create();
  ASSERT_TRUE(wake.ok() && room.ok());
  std::thread producer([&] {
    for (std::uint32_t i = 0; i < kMessages; ++i) {
      const Bytes payload = payload_of(i % 300, static_cast<std::uint8_t>(i));
      while (!*writer_.try_write(static_cast<std::uint8_t>(1 + i % 200), payload)) {
        if (!wait_readable(room->fd())) return;
        room->drain();
      }
      if (writer_.claim_wakeup()) wake->signal();
    }
  });
  for (std::uint32_t i = 0; i < kMessages;) {
    auto message = reader_.next();
    ASSERT_TRUE(message.ok()) << message.error().message();
    if (message->has_value()) {
      EXPECT_EQ((*message)->type, 1 + i % 200);
      EXPECT_TRUE(std::ranges::equal((*message)->payload,
                                     payload_of(i % 300, static_cast<std::uint8_t>(i))));
      ++i;
      room->signal();
    } else if (reader_.announce_sleep()) {
      ASSERT_TRUE(wait_readable(wake->fd())) << "a wake-up was lost at message " << i;
      wake->drain();
      reader_.awake();
    }
  }
  producer.join();
}

TEST(RingMemoryMap, only_what_was_agreed_is_mapped) {
  auto memory = RingMemory::create(kEntries);
  ASSERT_TRUE(memory.ok());
  EXPECT_TRUE(RingMemory::map(UniqueFd(::dup(memory->fd())), kEntries).ok());
  for (const std::uint32_t entries : {0U, 8U, 17U, 2 * kEntries, 1U << 20U}) {
    auto wrong = RingMemory::map(UniqueFd(::dup(memory->fd())), entries);
    ASSERT_FALSE(wrong.ok()) << entries;
    EXPECT_EQ(wrong.error().code(), Code::kProtocol);
  }
  EXPECT_EQ(RingMemory::create(100).error().code(), Code::kInvalidArgument);
}

}  // namespace
}  // namespace pegaflow::memory
