#include "base/hex.h"

#include <array>

#include "base/random.h"
#include "pegaflow/key.h"

namespace pegaflow {
namespace {

int digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

}  // namespace

std::string to_hex(std::span<const std::uint8_t> bytes) {
  static constexpr std::string_view kDigits = "0123456789abcdef";
  std::string text;
  text.reserve(bytes.size() * 2);
  for (const std::uint8_t byte : bytes) {
    text += kDigits[byte >> 4U];
    text += kDigits[byte & 15U];
  }
  return text;
}

std::string to_hex(std::uint64_t number) {
  std::array<std::uint8_t, sizeof number> bytes{};
  for (std::size_t i = bytes.size(); i-- > 0; number >>= 8U) {
    bytes[i] = static_cast<std::uint8_t>(number & 0xFFU);
  }
  return to_hex(bytes);
}

Status from_hex(std::string_view text, std::span<std::uint8_t> out) {
  if (text.size() != out.size() * 2) {
    return Error(Code::kInvalidArgument, "expected " + std::to_string(out.size() * 2) +
                                             " hex digits, got " + std::to_string(text.size()) +
                                             " characters");
  }
  for (std::size_t i = 0; i < out.size(); ++i) {
    const int high = digit(text[2 * i]);
    const int low = digit(text[2 * i + 1]);
    if (high < 0 || low < 0) {
      return Error(Code::kInvalidArgument,
                   "expected hex digits, got '" + std::string(text.substr(2 * i, 2)) + "'");
    }
    out[i] = static_cast<std::uint8_t>(high * 16 + low);
  }
  return {};
}

Key Key::random() {
  Key key;
  fill_random(std::as_writable_bytes(std::span(key.bytes)));
  return key;
}

Result<Key> Key::from_hex(std::string_view hex) {
  Key key;
  PEGAFLOW_TRY(pegaflow::from_hex(hex, key.bytes));
  return key;
}

std::string Key::to_hex() const { return pegaflow::to_hex(bytes); }

}  // namespace pegaflow
