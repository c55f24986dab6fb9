// Rings and slot words: the work alone, and between two threads that both look all the time.
#include <benchmark/benchmark.h>

#include <atomic>
#include <thread>

#include "core/slot_word.h"
#include "memory/ring.h"
#include "memory/ring_messages.h"
#include "memory/slot_memory.h"

namespace {

using namespace pegaflow;
using memory::RingDirection;

const wire::ClientMessage kMessage = wire::RingReady{{XferId{1}, StreamId{1}}, 7};

void ring_message(benchmark::State& state) {
  const auto ring = memory::RingMemory::create(64).value();
  auto writer = ring.writer(RingDirection::kClientToAgent);
  auto reader = ring.reader(RingDirection::kClientToAgent);
  for (auto _ : state) {
    benchmark::DoNotOptimize(memory::write_message(writer, kMessage).ok());
    benchmark::DoNotOptimize(memory::read_client_message(reader).ok());
  }
}
BENCHMARK(ring_message);

void slot_word_round(benchmark::State& state) {
  const auto control = memory::SlotControl::create(1).value();
  auto& word = control.word(SlotIndex{0});
  const WriterId writer{1};
  std::uint32_t turn = 0;
  for (auto _ : state) {
    const Generation generation{++turn};
    word.store(core::loaned_word(generation, writer), std::memory_order_release);
    auto expected = core::loaned_word(generation, writer);
    word.compare_exchange_strong(expected, core::claimed_word(generation, writer),
                                 std::memory_order_acq_rel);
    word.store(core::filled_word(generation, writer), std::memory_order_release);
    benchmark::DoNotOptimize(core::unpack(word.load(std::memory_order_acquire)));
  }
}
BENCHMARK(slot_word_round);

// The other thread answers each LOANED with FILLED.
void slot_word_latency(benchmark::State& state) {
  const auto control = memory::SlotControl::create(1).value();
  auto& word = control.word(SlotIndex{0});
  const WriterId writer{1};
  std::atomic<bool> stop{false};
  std::thread other([&] {
    while (!stop.load(std::memory_order_relaxed)) {
      const auto seen = core::unpack(word.load(std::memory_order_acquire));
      if (seen && seen->state == core::SlotState::kLoaned) {
        word.store(core::filled_word(seen->generation, writer), std::memory_order_release);
      }
    }
  });
  std::uint32_t turn = 0;
  for (auto _ : state) {
    const Generation generation{++turn};
    const auto filled = core::filled_word(generation, writer);
    word.store(core::loaned_word(generation, writer), std::memory_order_release);
    while (word.load(std::memory_order_acquire) != filled) {
    }
  }
  stop.store(true, std::memory_order_relaxed);
  other.join();
}
BENCHMARK(slot_word_latency)->UseRealTime();

}  // namespace

BENCHMARK_MAIN();
