// The data path allocates nothing: encoding messages, and decoding those without text.
#include <gtest/gtest.h>

#include <atomic>
#include <cstdlib>
#include <new>

#include "tests/wire/example_control.h"
#include "tests/wire/example_ring.h"

namespace {
std::atomic<std::size_t> allocations{0};
}  // namespace

void* operator new(std::size_t bytes) {
  ++allocations;
  void* memory = std::malloc(bytes);
  if (memory == nullptr) std::abort();
  return memory;
}
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }

namespace pegaflow::wire {
namespace {

// Allocations while `body` runs.
template <typename Body>
std::size_t count(Body body) {
  const std::size_t before = allocations;
  body();
  return allocations - before;
}

TEST(Allocation, control_messages_travel_without) {
  for (const ControlMessage& message : example_control_messages()) {
    std::array<std::byte, kMaxControlBytes> buffer{};
    const auto name = control_name(static_cast<std::uint8_t>(message.index() + 1));
    std::size_t size = 0;
    EXPECT_EQ(count([&] { size = *encode_control(example_header(), message, buffer); }), 0U)
        << name;
    bool decoded = false;
    EXPECT_EQ(count([&] { decoded = decode_control(std::span(buffer).first(size)).ok(); }), 0U)
        << name;
    EXPECT_TRUE(decoded);
  }
}

TEST(Allocation, ring_messages_are_encoded_without) {
  RingBuffer buffer{};
  for (const ClientMessage& message : example_client_messages()) {
    EXPECT_EQ(count([&] { ASSERT_TRUE(encode_client(message, buffer).ok()); }), 0U);
  }
  for (const AgentMessage& message : example_agent_messages()) {
    EXPECT_EQ(count([&] { ASSERT_TRUE(encode_agent(message, buffer).ok()); }), 0U);
  }
}

TEST(Allocation, slots_on_the_ring_are_decoded_without) {
  RingBuffer buffer{};
  RingGathered gathered;
  gathered.slots.resize(kMaxSlotsPerRingMessage);
  const std::size_t size = *encode_client(gathered, buffer);
  bool decoded = false;
  EXPECT_EQ(count([&] { decoded = decode_client(10, std::span(buffer).first(size)).ok(); }), 0U);
  EXPECT_TRUE(decoded);
}

}  // namespace
}  // namespace pegaflow::wire
