#include "base/base64.h"

#include <array>
#include <cstdint>

namespace pegaflow {
namespace {

constexpr std::string_view kDigits =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
constexpr std::uint8_t kNoDigit = 0xFF;

constexpr auto kValues = [] {
  std::array<std::uint8_t, 256> values{};
  values.fill(kNoDigit);
  for (std::size_t i = 0; i < kDigits.size(); ++i) {
    values[static_cast<unsigned char>(kDigits[i])] = static_cast<std::uint8_t>(i);
  }
  return values;
}();

Error not_base64(std::string_view why) {
  return {Code::kProtocol, "not base64: " + std::string(why)};
}

std::uint32_t padding_of(std::string_view text) {
  if (text.ends_with("==")) return 2;
  return text.ends_with("=") ? 1 : 0;
}

}  // namespace

std::string to_base64(std::span<const std::byte> bytes) {
  std::string text;
  text.reserve(base64_size(bytes.size()));
  for (std::size_t i = 0; i < bytes.size(); i += 3) {
    const std::size_t n = std::min<std::size_t>(3, bytes.size() - i);
    std::uint32_t group = 0;
    for (std::size_t j = 0; j < 3; ++j) {
      group = group << 8U | (j < n ? std::to_integer<std::uint32_t>(bytes[i + j]) : 0U);
    }
    for (std::size_t j = 0; j < 4; ++j) {
      text += j <= n ? kDigits[group >> (18 - 6 * j) & 63U] : '=';
    }
  }
  return text;
}

Result<std::vector<std::byte>> from_base64(std::string_view text) {
  if (text.size() % 4 != 0) return not_base64("its length is no multiple of 4");
  const std::uint32_t padding = padding_of(text);
  const std::size_t digits = text.size() - padding;
  std::vector<std::byte> bytes;
  bytes.reserve(text.size() / 4 * 3);
  std::uint32_t group = 0;
  for (std::size_t i = 0; i < digits; ++i) {
    const std::uint8_t value = kValues[static_cast<unsigned char>(text[i])];
    if (value == kNoDigit) return not_base64("character " + std::to_string(i));
    group = group << 6U | value;
    if (i % 4 == 0) continue;
    bytes.push_back(static_cast<std::byte>(group >> (6 - 2 * (i % 4)) & 0xFFU));
  }
  const std::uint32_t unused = padding == 0 ? 0U : (1U << (2 * padding)) - 1;
  if ((group & unused) != 0) return not_base64("bits after the end");
  return bytes;
}

}  // namespace pegaflow
