#include <bit>

#include "memory/ring.h"

namespace pegaflow::memory {
namespace {

// Cache lines at the start of the memory; the two rings' entries follow. docs/formats/ring.md.
constexpr std::size_t kLine = 64;
constexpr std::size_t kLinesPerRing = 3;  // written, read, asleep
constexpr std::size_t kTickLine = 2 * kLinesPerRing;
constexpr std::size_t kEntriesOffset = 8 * kLine;

std::size_t bytes_for(std::uint32_t entries) {
  return kEntriesOffset + 2 * wire::kRingEntryBytes * std::size_t{entries};
}

Status check_entries(std::uint32_t entries, Code code) {
  if (std::has_single_bit(entries) && entries >= RingMemory::kMinEntries &&
      entries <= RingMemory::kMaxEntries) {
    return {};
  }
  return Error(code, "a ring of " + std::to_string(entries) +
                         " entries, expected a power of two from " +
                         std::to_string(RingMemory::kMinEntries) + " to " +
                         std::to_string(RingMemory::kMaxEntries));
}

template <typename T>
T* line(const SharedMemory& memory, std::size_t number) {
  static_assert(T::is_always_lock_free);
  return reinterpret_cast<T*>(memory.bytes().data() + number * kLine);
}

using Counter = std::atomic<std::uint64_t>;
using Flag = std::atomic<std::uint32_t>;

}  // namespace

Result<RingMemory> RingMemory::create(std::uint32_t entries) {
  PEGAFLOW_TRY(check_entries(entries, Code::kInvalidArgument));
  PEGAFLOW_ASSIGN(SharedMemory memory, SharedMemory::create("pegaflow-ring", bytes_for(entries)));
  return RingMemory(std::move(memory), entries);
}

Result<RingMemory> RingMemory::map(UniqueFd fd, std::uint32_t entries) {
  PEGAFLOW_TRY(check_entries(entries, Code::kProtocol));
  PEGAFLOW_ASSIGN(SharedMemory memory,
                  SharedMemory::map("rings", std::move(fd), bytes_for(entries)));
  return RingMemory(std::move(memory), entries);
}

RingView RingMemory::view(RingDirection direction) const {
  const auto ring = static_cast<std::size_t>(direction);
  RingView view;
  view.written = line<Counter>(memory_, ring * kLinesPerRing);
  view.read = line<Counter>(memory_, ring * kLinesPerRing + 1);
  view.asleep = line<Flag>(memory_, ring * kLinesPerRing + 2);
  view.entries = memory_.bytes().data() + kEntriesOffset + ring * entries_ * wire::kRingEntryBytes;
  view.capacity = entries_;
  return view;
}

std::atomic<std::uint64_t>& RingMemory::client_tick() const {
  return *line<Counter>(memory_, kTickLine);
}

std::atomic<std::uint64_t>& RingMemory::agent_tick() const {
  return *line<Counter>(memory_, kTickLine + 1);
}

}  // namespace pegaflow::memory
