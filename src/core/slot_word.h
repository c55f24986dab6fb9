// The 64-bit word that guards a slot, and the rules of who may change it how
// (docs/formats/slot.md). bits 63–32 generation, 31–16 writer, 15–8 state, 7–0 zero.
#pragma once

#include <cstdint>
#include <optional>

#include "base/strong_id.h"

namespace pegaflow::core {

enum class SlotState : std::uint8_t {
  kFree = 0,
  kLoaned = 1,
  kClaimed = 2,
  kFilled = 3,
  kDraining = 4,
  kQuarantined = 5,
  kRetired = 6,
  kResident = 7,  // reserved for the KV store; refused
};

struct SlotWord {
  Generation generation;
  WriterId writer;
  SlotState state = SlotState::kFree;
  bool operator==(const SlotWord&) const = default;
};

constexpr std::uint64_t pack(SlotWord word) {
  return (std::uint64_t{word.generation.value} << 32U) | (std::uint64_t{word.writer.value} << 16U) |
         (std::uint64_t{static_cast<std::uint8_t>(word.state)} << 8U);
}

// None: reserved bits set or an unknown state. The word lies in memory a client can write.
constexpr std::optional<SlotWord> unpack(std::uint64_t raw) {
  const auto state = static_cast<std::uint8_t>((raw >> 8U) & 0xFFU);
  if ((raw & 0xFFU) != 0 || state > static_cast<std::uint8_t>(SlotState::kRetired)) return {};
  return SlotWord{Generation{static_cast<std::uint32_t>(raw >> 32U)},
                  WriterId{static_cast<std::uint16_t>((raw >> 16U) & 0xFFFFU)},
                  static_cast<SlotState>(state)};
}

constexpr std::uint64_t loaned_word(Generation g, WriterId w) {
  return pack({g, w, SlotState::kLoaned});
}
constexpr std::uint64_t claimed_word(Generation g, WriterId w) {
  return pack({g, w, SlotState::kClaimed});
}
constexpr std::uint64_t filled_word(Generation g, WriterId w) {
  return pack({g, w, SlotState::kFilled});
}
constexpr std::uint64_t free_word(Generation g) { return pack({g, WriterId{0}, SlotState::kFree}); }

}  // namespace pegaflow::core
