// Reading JSON that others wrote: a parser that knows duplicate keys, and views that check types
// and ranges and say, with a JSON pointer, what was expected and what was found.
// Includes the JSON library: only for .cc files.
#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <nlohmann/json.hpp>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "pegaflow/result.h"

namespace pegaflow {

inline constexpr std::size_t kMaxJsonDepth = 32;

// kProtocol: not JSON (with line and column), a key twice in one object, or nested deeper than
// kMaxJsonDepth (both with a pointer).
Result<nlohmann::json> parse_json(std::string_view text);

// A key as it stands in a JSON pointer: ~ and / escaped.
std::string json_pointer_token(std::string_view key);

// Compact text; bytes that aren't UTF-8 become U+FFFD.
std::string json_text(const nlohmann::json& value);

struct JsonFault {
  std::string pointer;
  std::string message;
};

// Collects the faults of one document; keeps the first kMaxFaults.
class JsonFaults {
 public:
  static constexpr std::size_t kMaxFaults = 64;
  void add(std::string pointer, std::string message);
  bool empty() const { return faults_.empty(); }
  const std::vector<JsonFault>& all() const { return faults_; }
  // The first fault as "pointer: message".
  Status status(Code code) const;

 private:
  std::vector<JsonFault> faults_;
};

// What a string must look like.
struct TextRule {
  std::size_t min_bytes = 1;
  std::size_t max_bytes = 128;
  // Besides ASCII letters and digits; nullptr: any printable character, UTF-8 too.
  const char* also = nullptr;
};
inline constexpr TextRule kNameRule{1, 64, "._-"};

// A value and where it stands. A failed read is a fault and returns an empty value, so a reader
// may go through a whole document and ask once whether there were faults.
// The document and the faults outlive the view.
class JsonView {
 public:
  JsonView(const nlohmann::json& document, JsonFaults& faults)
      : value_(&document), faults_(&faults) {}

  // An object with all of `required`, perhaps some of `optional`, and nothing else.
  bool object(std::initializer_list<std::string_view> required,
              std::initializer_list<std::string_view> optional = {}) const;
  // An object with at least `required`: what a newer version may have added is skipped.
  bool open_object(std::initializer_list<std::string_view> required) const;
  bool has(std::string_view key) const;
  // A view of no value (whose reads are silent) when the key isn't there.
  JsonView operator[](std::string_view key) const;
  bool present() const { return value_ != nullptr; }

  std::vector<JsonView> array(std::size_t min_items, std::size_t max_items) const;
  // Any keys; at most max_items.
  std::vector<std::pair<std::string, JsonView>> members(std::size_t max_items) const;
  std::uint64_t integer(std::uint64_t min, std::uint64_t max) const;
  bool boolean() const;
  std::string text(const TextRule& rule) const;
  // The number of the name found, 0 after a fault.
  std::size_t one_of(std::initializer_list<std::string_view> names) const;
  // 2 × bytes hex digits, lower case.
  void hex(std::span<std::uint8_t> out) const;
  std::uint64_t hex_u64() const;
  std::vector<std::byte> base64(std::size_t max_bytes) const;

  template <std::unsigned_integral T>
  T number(T min, T max) const {
    return static_cast<T>(integer(min, max));
  }

  const std::string& pointer() const { return pointer_; }
  JsonFaults& faults() const { return *faults_; }
  void fault(std::string message) const { faults_->add(pointer_, std::move(message)); }
  // "expected `what`, got <this value, shortened>"
  void expected(std::string_view what) const;
  // The value as it is. REQUIRES: present().
  const nlohmann::json& raw() const { return *value_; }

 private:
  JsonView(const nlohmann::json* value, std::string pointer, JsonFaults* faults)
      : value_(value), pointer_(std::move(pointer)), faults_(faults) {}
  JsonView child(const nlohmann::json& value, std::string_view token) const;

  const nlohmann::json* value_;
  std::string pointer_;
  JsonFaults* faults_;
};

}  // namespace pegaflow
