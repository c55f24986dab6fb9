// Key: the name under which a producer offers KV cache and a consumer asks for it.
#pragma once

#include <array>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <functional>
#include <string>
#include <string_view>

#include "pegaflow/result.h"

namespace pegaflow {

// The namespace of a key. `kContent` is reserved for the KV store and refused today.
enum class KeySpace : std::uint8_t { kTransfer = 1, kContent = 2 };

// A transfer key is random and minted by the producer's client or by the proxy; it is never an
// engine's request id (the two engines' ids of one request differ).
struct Key {
  KeySpace space = KeySpace::kTransfer;
  std::array<std::uint8_t, 32> bytes{};

  auto operator<=>(const Key&) const = default;

  // A fresh random transfer key (from getrandom). Thread safe.
  static Key random();
  // Reads 64 hex digits; kInvalidArgument otherwise.
  static Result<Key> from_hex(std::string_view hex);
  std::string to_hex() const;
};

// First 16 bytes of a digest over everything that determines the KV bytes (tokens, LoRA, salt …).
// Opaque here: both sides must only agree.
using ContentHash = std::array<std::uint8_t, 16>;

// Digest of everything that must be equal on both sides for bytes to be interchangeable (model,
// KV dtype, scales, …). Opaque here.
using Fingerprint = std::array<std::uint8_t, 32>;

}  // namespace pegaflow

template <>
struct std::hash<pegaflow::Key> {
  std::size_t operator()(const pegaflow::Key& key) const noexcept {
    std::size_t value = 0;
    std::memcpy(&value, key.bytes.data(), sizeof value);  // keys are random already
    return value;
  }
};
