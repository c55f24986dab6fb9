// The two single-producer, single-consumer rings between a client and its agent, and the two tick
// counters, in one memfd. Format: docs/formats/ring.md. Either side may be hostile: whatever it
// writes into the memory, the other side gets messages or kProtocol, never a crash or a hang.
//
// Sleeping: a reader that found its ring empty calls announce_sleep(); if that says true it may
// sleep on its event fd, and calls awake() afterwards. A writer that wrote something asks
// claim_wakeup() and signals the event fd if that says true.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "base/unique_fd.h"
#include "memory/shared_memory.h"
#include "pegaflow/result.h"
#include "wire/ring.h"

namespace pegaflow::memory {

enum class RingDirection : std::uint8_t { kClientToAgent = 0, kAgentToClient = 1 };

// The shared parts of one ring; each index counts entries since the start and never wraps.
struct RingView {
  std::atomic<std::uint64_t>* written = nullptr;  // stored by the writer
  std::atomic<std::uint64_t>* read = nullptr;     // stored by the reader
  std::atomic<std::uint32_t>* asleep = nullptr;   // set by the reader, cleared by either
  std::byte* entries = nullptr;
  std::uint32_t capacity = 0;  // entries; a power of two
};

// One thread at a time. The RingMemory outlives it.
class RingWriter {
 public:
  // Writes one message, whole or not at all. False: not enough free entries (back-pressure, try
  // again later); kProtocol: the reader's index is impossible.
  // REQUIRES: type ≥ 1, payload ≤ wire::kMaxRingMessageBytes.
  Result<bool> try_write(std::uint8_t type, std::span<const std::byte> payload);
  // True: the reader sleeps (or is about to) and this caller must signal its event fd. Says true
  // once per sleep.
  bool claim_wakeup();
  // Everything that was written has been read.
  bool drained() const;

 private:
  friend class RingMemory;
  explicit RingWriter(RingView ring) : ring_(ring) {}
  RingView ring_;
  std::uint64_t written_ = 0;  // ours is the truth, the shared one only tells the reader
};

struct RingMessage {
  std::uint8_t type = 0;
  std::span<const std::byte> payload;  // in the reader's own memory; until the next call
};

// One thread at a time. The RingMemory outlives it.
class RingReader {
 public:
  // The next message; nothing when the ring is empty. One flipped bit in an entry is put right.
  // kProtocol: bytes or indices that no writer of this format produces; the ring is of no more use
  // then.
  Result<std::optional<RingMessage>> next();
  // True: the ring is empty and the writer has been told that we sleep. False: there is something
  // to read (or a broken index to find); do not sleep.
  bool announce_sleep();
  void awake();
  std::uint64_t mended() const { return mended_; }  // entries that had a flipped bit

 private:
  friend class RingMemory;
  explicit RingReader(RingView ring) : ring_(ring) {}
  Result<RingMessage> read_parts(std::uint64_t unread);
  RingView ring_;
  std::uint64_t read_ = 0;
  std::uint64_t mended_ = 0;
  std::array<std::byte, wire::kMaxRingMessageBytes> payload_{};
};

// Owns the memory. Movable; addresses stay. Make each reader and writer once.
class RingMemory {
 public:
  // `entries` of each ring: a power of two in [kMinEntries, kMaxEntries].
  static constexpr std::uint32_t kMinEntries = 16;
  static constexpr std::uint32_t kMaxEntries = 65'536;
  static Result<RingMemory> create(std::uint32_t entries);
  // kProtocol: wrong size or seals.
  static Result<RingMemory> map(UniqueFd fd, std::uint32_t entries);

  RingWriter writer(RingDirection direction) const { return RingWriter(view(direction)); }
  RingReader reader(RingDirection direction) const { return RingReader(view(direction)); }
  // Counters that show that the other side's thread is alive; each stored by its own side only.
  std::atomic<std::uint64_t>& client_tick() const;
  std::atomic<std::uint64_t>& agent_tick() const;
  std::uint32_t entries() const { return entries_; }
  int fd() const { return memory_.fd(); }

 private:
  RingMemory(SharedMemory memory, std::uint32_t entries)
      : memory_(std::move(memory)), entries_(entries) {}
  RingView view(RingDirection direction) const;
  SharedMemory memory_;
  std::uint32_t entries_;
};

}  // namespace pegaflow::memory
