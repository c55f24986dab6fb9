// Values for example messages: every field differs from its default and from its neighbours.
#pragma once

#include "base/strong_id.h"
#include "pegaflow/key.h"
#include "wire/control.h"
#include "wire/ring.h"

namespace pegaflow::wire {

template <std::size_t N>
std::array<std::uint8_t, N> counting_bytes(std::uint8_t first) {
  std::array<std::uint8_t, N> bytes{};
  for (std::size_t i = 0; i < N; ++i) bytes[i] = static_cast<std::uint8_t>(first + i);
  return bytes;
}

inline Key example_key() { return {KeySpace::kTransfer, counting_bytes<32>(0xA0)}; }
inline ContentHash example_content() { return counting_bytes<16>(0xC0); }
inline Fingerprint example_fingerprint() { return counting_bytes<32>(0x10); }
inline StreamKey example_stream() { return {XferId{0x1122334455667788}, StreamId{0x99AABBCC}}; }
inline RemoteSlot example_slot(std::uint8_t n) {
  return {static_cast<std::uint16_t>(0x0100 + n), SlotIndex{0x02000000U + n},
          Generation{0x03000000U + n}};
}
inline SlotRef example_ref(std::uint8_t n) {
  const RemoteSlot slot = example_slot(n);
  return {RegionId{slot.region}, slot.slot, slot.generation};
}
inline Source example_source() { return {"prefill-0", 3}; }
inline TokenSpans example_tokens() { return {{16, 512}, {256, 512}}; }
constexpr OfferReference kExampleReference = 0x0BADCAFE00C0FFEE;

}  // namespace pegaflow::wire
