#include "base/json_view.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <span>

#include "base/base64.h"
#include "base/hex.h"

namespace pegaflow {
namespace {

using nlohmann::json;

constexpr std::size_t kShownBytes = 64;

// What is wrong, named by a beginning of its JSON text.
std::string shown(const json& value) {
  if (value.is_object()) return "an object";
  if (value.is_array()) return "an array";
  std::string text = json_text(value);
  if (text.size() <= kShownBytes) return text;
  std::size_t cut = kShownBytes;
  while (cut > 0 && (static_cast<unsigned char>(text[cut]) & 0xC0) == 0x80) --cut;
  return text.substr(0, cut) + "…";
}

bool contains(std::initializer_list<std::string_view> names, std::string_view name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

std::string listed(std::initializer_list<std::string_view> names) {
  std::string out;
  for (const auto name : names) {
    if (!out.empty()) out += ", ";
    out += '"' + std::string(name) + '"';
  }
  return out;
}

// Exactly an integer, also when written as 1e3 or 2.0 (JSON has one kind of number).
std::optional<std::uint64_t> as_unsigned(const json& value) {
  if (value.is_number_unsigned()) return value.get<std::uint64_t>();
  if (value.is_number_integer()) return std::nullopt;  // negative
  if (!value.is_number_float()) return std::nullopt;
  constexpr double kExact = 9007199254740992.0;  // 2^53
  const double number = value.get<double>();
  if (!(number >= 0 && number <= kExact) || std::trunc(number) != number) return std::nullopt;
  return static_cast<std::uint64_t>(number);
}

bool is_alphanumeric(char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

bool allowed(char c, const char* also) {
  if (also == nullptr) return static_cast<unsigned char>(c) >= 0x20 && c != 0x7F;
  return is_alphanumeric(c) || (c != '\0' && std::strchr(also, c) != nullptr);
}

}  // namespace

void JsonFaults::add(std::string pointer, std::string message) {
  if (faults_.size() < kMaxFaults) faults_.push_back({std::move(pointer), std::move(message)});
}

Status JsonFaults::status(Code code) const {
  if (faults_.empty()) return {};
  return Error(code, faults_.front().pointer + ": " + faults_.front().message);
}

JsonView JsonView::child(const json& value, std::string_view token) const {
  return {&value, pointer_ + '/' + json_pointer_token(token), faults_};
}

void JsonView::expected(std::string_view what) const {
  fault("expected " + std::string(what) + ", got " + shown(*value_));
}

bool JsonView::open_object(std::initializer_list<std::string_view> required) const {
  if (!present()) return false;
  if (!value_->is_object()) {
    expected("an object");
    return false;
  }
  bool fine = true;
  for (const auto key : required) {
    if (has(key)) continue;
    fault("the key \"" + std::string(key) + "\" is missing");
    fine = false;
  }
  return fine;
}

bool JsonView::object(std::initializer_list<std::string_view> required,
                      std::initializer_list<std::string_view> optional) const {
  bool fine = open_object(required);
  if (!present() || !value_->is_object()) return false;
  for (const auto& [key, value] : value_->items()) {
    if (contains(required, key) || contains(optional, key)) continue;
    child(value, key).fault("unknown key");
    fine = false;
  }
  return fine;
}

bool JsonView::has(std::string_view key) const {
  return present() && value_->is_object() && value_->contains(key);
}

JsonView JsonView::operator[](std::string_view key) const {
  if (!has(key)) return {nullptr, pointer_ + '/' + json_pointer_token(key), faults_};
  return child(*value_->find(key), key);
}

std::vector<JsonView> JsonView::array(std::size_t min_items, std::size_t max_items) const {
  std::vector<JsonView> items;
  if (!present()) return items;
  if (!value_->is_array() || value_->size() < min_items || value_->size() > max_items) {
    fault("expected an array of " + std::to_string(min_items) + " to " + std::to_string(max_items) +
          " items, got " +
          (value_->is_array() ? std::to_string(value_->size()) + " items" : shown(*value_)));
    return items;
  }
  items.reserve(value_->size());
  for (std::size_t i = 0; i < value_->size(); ++i) {
    items.push_back(child((*value_)[i], std::to_string(i)));
  }
  return items;
}

std::vector<std::pair<std::string, JsonView>> JsonView::members(std::size_t max_items) const {
  std::vector<std::pair<std::string, JsonView>> items;
  if (!present()) return items;
  if (!value_->is_object() || value_->size() > max_items) {
    fault("expected an object of at most " + std::to_string(max_items) + " members, got " +
          (value_->is_object() ? std::to_string(value_->size()) : shown(*value_)));
    return items;
  }
  for (const auto& [key, value] : value_->items()) items.emplace_back(key, child(value, key));
  return items;
}

std::uint64_t JsonView::integer(std::uint64_t min, std::uint64_t max) const {
  if (!present()) return 0;
  const auto number = as_unsigned(*value_);
  if (number.has_value() && *number >= min && *number <= max) return *number;
  expected("an integer from " + std::to_string(min) + " to " + std::to_string(max));
  return 0;
}

bool JsonView::boolean() const {
  if (!present()) return false;
  if (value_->is_boolean()) return value_->get<bool>();
  expected("true or false");
  return false;
}

std::string JsonView::text(const TextRule& rule) const {
  if (!present()) return {};
  if (value_->is_string()) {
    const auto& text = value_->get_ref<const std::string&>();
    const bool fits = text.size() >= rule.min_bytes && text.size() <= rule.max_bytes;
    if (fits &&
        std::all_of(text.begin(), text.end(), [&](char c) { return allowed(c, rule.also); })) {
      return text;
    }
  }
  const std::string alphabet = rule.also == nullptr ? "printable characters"
                                                    : "of the characters a-z, A-Z, 0-9 and \"" +
                                                          std::string(rule.also) + '"';
  expected("a string of " + std::to_string(rule.min_bytes) + " to " +
           std::to_string(rule.max_bytes) + " bytes, " + alphabet);
  return {};
}

std::size_t JsonView::one_of(std::initializer_list<std::string_view> names) const {
  if (!present()) return 0;
  if (value_->is_string()) {
    const auto found = std::find(names.begin(), names.end(), value_->get_ref<const std::string&>());
    if (found != names.end()) return static_cast<std::size_t>(found - names.begin());
  }
  expected("one of " + listed(names));
  return 0;
}

void JsonView::hex(std::span<std::uint8_t> out) const {
  if (!present()) return;
  if (value_->is_string()) {
    const auto& text = value_->get_ref<const std::string&>();
    const bool lower =
        std::none_of(text.begin(), text.end(), [](char c) { return c >= 'A' && c <= 'F'; });
    if (lower && from_hex(text, out).ok()) return;
  }
  std::fill(out.begin(), out.end(), std::uint8_t{0});
  expected(std::to_string(out.size() * 2) + " hex digits in lower case");
}

std::uint64_t JsonView::hex_u64() const {
  std::array<std::uint8_t, 8> bytes{};
  hex(bytes);
  std::uint64_t number = 0;
  for (const auto byte : bytes) number = number << 8 | byte;
  return number;
}

std::vector<std::byte> JsonView::base64(std::size_t max_bytes) const {
  if (!present()) return {};
  if (value_->is_string()) {
    const auto& text = value_->get_ref<const std::string&>();
    if (text.size() <= base64_size(max_bytes)) {
      auto bytes = from_base64(text);
      if (bytes.ok() && bytes->size() <= max_bytes) return std::move(bytes).value();
    }
  }
  expected("base64 (with padding) of at most " + std::to_string(max_bytes) + " bytes");
  return {};
}

}  // namespace pegaflow
