#include "memory/ring.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <string>

#include "base/check.h"
#include "base/crc32c.h"
#include "base/mend.h"

namespace pegaflow::memory {
namespace {

constexpr std::size_t kPayload = wire::kRingPayloadBytes;

// One entry as it lies in the ring. docs/formats/ring.md.
struct Entry {
  std::uint32_t crc = 0;       // CRC32C of all that follows
  std::uint32_t sequence = 0;  // low bits of the entry's number
  std::uint8_t type = 0;
  std::uint8_t part = 0;
  std::uint8_t parts = 0;
  std::uint8_t length = 0;  // payload bytes in this entry; the rest is zero
  std::uint32_t zero = 0;
  std::array<std::byte, kPayload> payload{};
};
static_assert(sizeof(Entry) == wire::kRingEntryBytes);
using EntryWords = std::array<std::uint64_t, sizeof(Entry) / 8>;

std::uint32_t crc_of(const Entry& entry) {
  return crc32c(std::as_bytes(std::span(&entry, 1)).subspan(sizeof entry.crc));
}

std::uint64_t* place_of(const RingView& ring, std::uint64_t number) {
  const std::uint64_t place = number & (ring.capacity - 1U);
  return reinterpret_cast<std::uint64_t*>(ring.entries + place * sizeof(Entry));
}

// The other side may write at any time, so entries are only ever copied, word by word.
void store_entry(const RingView& ring, std::uint64_t number, const Entry& entry) {
  const auto words = std::bit_cast<EntryWords>(entry);
  std::uint64_t* place = place_of(ring, number);
  for (std::size_t i = 0; i < words.size(); ++i) {
    std::atomic_ref(place[i]).store(words[i], std::memory_order_relaxed);
  }
}

Entry load_entry(const RingView& ring, std::uint64_t number) {
  EntryWords words{};
  std::uint64_t* place = place_of(ring, number);
  for (std::size_t i = 0; i < words.size(); ++i) {
    words[i] = std::atomic_ref(place[i]).load(std::memory_order_relaxed);
  }
  return std::bit_cast<Entry>(words);
}

Error broken(std::uint64_t number, const std::string& why) {
  return {Code::kProtocol, "ring entry " + std::to_string(number) + ": " + why};
}

// Of an entry whose checksum is right.
Status check_entry(const Entry& entry, std::uint64_t number) {
  if (entry.sequence != static_cast<std::uint32_t>(number)) {
    return broken(number, "its sequence is " + std::to_string(entry.sequence));
  }
  if (entry.type == 0) return broken(number, "its type is 0");
  if (entry.parts == 0 || entry.parts > wire::kMaxParts || entry.part >= entry.parts) {
    return broken(number, "it is part " + std::to_string(entry.part) + " of " +
                              std::to_string(entry.parts) + ", expected at most " +
                              std::to_string(wire::kMaxParts) + " parts");
  }
  const bool last = entry.part + 1 == entry.parts;
  if (entry.length > kPayload || (!last && entry.length != kPayload) ||
      (last && entry.part > 0 && entry.length == 0)) {
    return broken(number, "it has " + std::to_string(entry.length) + " payload bytes");
  }
  const auto rest = std::span(entry.payload).subspan(entry.length);
  const bool clean =
      std::all_of(rest.begin(), rest.end(), [](std::byte b) { return b == std::byte{}; });
  if (entry.zero != 0 || !clean) return broken(number, "unused bytes are not zero");
  return {};
}

// The entry as it was written; one flipped bit is put right, and counted.
Result<Entry> read_entry(const RingView& ring, std::uint64_t number, std::uint64_t& mended) {
  Entry entry = load_entry(ring, number);
  const auto intact = [&entry] { return entry.crc == crc_of(entry); };
  if (!intact()) {
    if (!mend_one_bit(std::as_writable_bytes(std::span(&entry, 1)), intact)) {
      return broken(number, "the checksum is wrong");
    }
    ++mended;
  }
  PEGAFLOW_TRY(check_entry(entry, number));
  return entry;
}

Entry make_entry(std::uint64_t number, std::uint8_t type, std::size_t part, std::size_t parts,
                 std::span<const std::byte> payload) {
  const auto piece =
      payload.subspan(part * kPayload, std::min(kPayload, payload.size() - part * kPayload));
  Entry entry;
  entry.sequence = static_cast<std::uint32_t>(number);
  entry.type = type;
  entry.part = static_cast<std::uint8_t>(part);
  entry.parts = static_cast<std::uint8_t>(parts);
  entry.length = static_cast<std::uint8_t>(piece.size());
  std::copy(piece.begin(), piece.end(), entry.payload.begin());
  entry.crc = crc_of(entry);
  return entry;
}

}  // namespace

Result<bool> RingWriter::try_write(std::uint8_t type, std::span<const std::byte> payload) {
  PEGAFLOW_CHECK(type != 0 && payload.size() <= wire::kMaxRingMessageBytes);
  const std::uint64_t unread = written_ - ring_.read->load(std::memory_order_acquire);
  if (unread > ring_.capacity) {
    return Error(Code::kProtocol, "the ring's reader is at an impossible place: " +
                                      std::to_string(written_ - unread) + " of " +
                                      std::to_string(written_) + " entries");
  }
  const std::size_t parts = std::max<std::size_t>(1, (payload.size() + kPayload - 1) / kPayload);
  if (parts > ring_.capacity - unread) return false;
  for (std::size_t part = 0; part < parts; ++part) {
    store_entry(ring_, written_ + part, make_entry(written_ + part, type, part, parts, payload));
  }
  written_ += parts;
  // Sequentially consistent with `asleep`: either we see that the reader sleeps, or it sees this.
  ring_.written->store(written_, std::memory_order_seq_cst);
  return true;
}

bool RingWriter::claim_wakeup() {
  if (ring_.asleep->load(std::memory_order_seq_cst) == 0) return false;
  return ring_.asleep->exchange(0, std::memory_order_seq_cst) != 0;
}

bool RingWriter::drained() const { return ring_.read->load(std::memory_order_acquire) == written_; }

Result<std::optional<RingMessage>> RingReader::next() {
  const std::uint64_t unread = ring_.written->load(std::memory_order_acquire) - read_;
  if (unread == 0) return std::optional<RingMessage>();
  if (unread > ring_.capacity) {
    return Error(Code::kProtocol,
                 "the ring's writer is at an impossible place: " + std::to_string(read_ + unread) +
                     " entries, of which " + std::to_string(read_) + " were read");
  }
  PEGAFLOW_ASSIGN(const RingMessage message, read_parts(unread));
  ring_.read->store(read_, std::memory_order_release);
  return std::optional(message);
}

// A writer publishes whole messages, so all parts are there.
Result<RingMessage> RingReader::read_parts(std::uint64_t unread) {
  PEGAFLOW_ASSIGN(const Entry first, read_entry(ring_, read_, mended_));
  if (first.parts > unread) return broken(read_, "its message is not complete");
  std::size_t size = 0;
  for (std::size_t part = 0; part < first.parts; ++part) {
    Entry entry = first;
    if (part > 0) {
      PEGAFLOW_ASSIGN(entry, read_entry(ring_, read_ + part, mended_));
    }
    if (entry.part != part || entry.parts != first.parts || entry.type != first.type) {
      return broken(read_ + part, "it does not continue its message");
    }
    std::memcpy(payload_.data() + size, entry.payload.data(), entry.length);
    size += entry.length;
  }
  read_ += first.parts;
  return RingMessage{first.type, std::span(payload_).first(size)};
}

bool RingReader::announce_sleep() {
  ring_.asleep->store(1, std::memory_order_seq_cst);
  if (ring_.written->load(std::memory_order_seq_cst) == read_) return true;
  awake();
  return false;
}

void RingReader::awake() { ring_.asleep->store(0, std::memory_order_relaxed); }

}  // namespace pegaflow::memory
