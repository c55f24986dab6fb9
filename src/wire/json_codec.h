// JsonCodec: writes and reads JSON messages from one list of their fields, as FieldCodec does for
// binary ones. Reading is strict: a key that is missing, unknown, of a wrong type or out of range
// is a fault named by its JSON pointer. Includes the JSON library: only for .cc files.
#pragma once

#include <algorithm>
#include <array>
#include <concepts>
#include <cstdint>
#include <initializer_list>
#include <limits>
#include <set>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "base/base64.h"
#include "base/check.h"
#include "base/json_view.h"
#include "pegaflow/kv_layout.h"
#include "pegaflow/kv_shape.h"
#include "pegaflow/result.h"
#include "wire/field_codec.h"

namespace pegaflow::wire {

inline constexpr std::size_t kMaxReasonBytes = 1024;
inline constexpr std::size_t kMaxReadReasonBytes = 4 * kMaxReasonBytes;  // bad UTF-8 grows by ×3

std::string hex_text(std::uint64_t number);
// At most kMaxReasonBytes, without control characters.
std::string clean_reason(std::string_view text);
// A shape as a JSON value, and back; faults get pointers below the view's.
nlohmann::json shape_value(const KvShape& shape);
KvShape read_shape(const JsonView& view);

// Writes fields into an object.
class JsonWriter {
 public:
  explicit JsonWriter(nlohmann::json& object) : object_(object) {}

  template <std::integral T>
  void number(const char* name, T value, std::uint64_t, std::uint64_t) {
    object_[name] = value;
  }
  void hex(const char* name, std::uint64_t value) { object_[name] = hex_text(value); }
  void flag(const char* name, bool value) { object_[name] = value; }
  void text(const char* name, const std::string& value, const TextRule&) { object_[name] = value; }
  void reason(const char* name, const std::string& value) { object_[name] = clean_reason(value); }
  void bytes(const char* name, const std::vector<std::byte>& value, std::size_t) {
    object_[name] = to_base64(value);
  }
  // An enum whose values count from `first` in the order of `names`.
  template <typename Enum>
  void choice(const char* name, Enum value, std::size_t first,
              std::initializer_list<std::string_view> names) {
    const std::size_t number = static_cast<std::size_t>(value) - first;
    PEGAFLOW_CHECK(number < names.size());
    object_[name] = *(names.begin() + number);
  }
  void shape(const char* name, const KvShape& value) { object_[name] = shape_value(value); }
  template <typename T>
  void object(const char* name, const T& value) {
    object_[name] = nlohmann::json::object();
    JsonWriter inner(object_[name]);
    fields(inner, value);
  }
  template <typename T>
  void list(const char* name, const std::vector<T>& items, std::size_t) {
    auto& array = object_[name] = nlohmann::json::array();
    for (const T& item : items) {
      JsonWriter inner(array.emplace_back(nlohmann::json::object()));
      fields(inner, item);
    }
  }
  void bytes_list(const char* name, const std::vector<std::vector<std::byte>>& items, std::size_t,
                  std::size_t) {
    auto& array = object_[name] = nlohmann::json::array();
    for (const auto& item : items) array.push_back(to_base64(item));
  }
  void text_list(const char* name, const std::vector<std::string>& items, std::size_t,
                 const TextRule&) {
    object_[name] = items;
  }
  void check(bool, const char*, const char*) {}

 private:
  nlohmann::json& object_;
};

// Reads fields of an object; finish() finds keys that were not asked for.
class JsonReader {
 public:
  static constexpr std::size_t kMaxKeys = 64;
  explicit JsonReader(const JsonView& object);

  template <std::integral T>
  void number(const char* name, T& value, std::uint64_t min, std::uint64_t max) {
    value = static_cast<T>(at(name).integer(min, max));
  }
  void hex(const char* name, std::uint64_t& value) { value = at(name).hex_u64(); }
  void flag(const char* name, bool& value) { value = at(name).boolean(); }
  void text(const char* name, std::string& value, const TextRule& rule) {
    value = at(name).text(rule);
  }
  void reason(const char* name, std::string& value) {
    value = at(name).text({0, kMaxReadReasonBytes, nullptr});
  }
  void bytes(const char* name, std::vector<std::byte>& value, std::size_t max) {
    value = at(name).base64(max);
  }
  template <typename Enum>
  void choice(const char* name, Enum& value, std::size_t first,
              std::initializer_list<std::string_view> names) {
    value = static_cast<Enum>(at(name).one_of(names) + first);
  }
  void shape(const char* name, KvShape& value) { value = read_shape(at(name)); }
  template <typename T>
  void object(const char* name, T& value) {
    JsonReader inner(at(name));
    fields(inner, value);
    inner.finish();
  }
  template <typename T>
  void list(const char* name, std::vector<T>& items, std::size_t max) {
    for (const JsonView& view : at(name).array(0, max)) {
      JsonReader inner(view);
      fields(inner, items.emplace_back());
      inner.finish();
    }
  }
  void bytes_list(const char* name, std::vector<std::vector<std::byte>>& items, std::size_t max,
                  std::size_t max_bytes) {
    for (const JsonView& view : at(name).array(0, max)) items.push_back(view.base64(max_bytes));
  }
  void text_list(const char* name, std::vector<std::string>& items, std::size_t max,
                 const TextRule& rule) {
    for (const JsonView& view : at(name).array(0, max)) items.push_back(view.text(rule));
  }
  // Of this object as a whole.
  void check(bool condition, const char* name, const char* expected) {
    if (!condition) object_.fault(std::string(name) + ": expected " + expected);
  }
  // Keys that no field has are faults.
  void finish() const;

 private:
  JsonView at(const char* name);

  JsonView object_;
  std::set<std::string, std::less<>> known_;
};

// ---- values that messages of both sockets have

inline constexpr std::uint64_t kMaxU16 = std::numeric_limits<std::uint16_t>::max();
inline constexpr std::uint64_t kMaxU32 = std::numeric_limits<std::uint32_t>::max();
inline constexpr std::uint64_t kMaxU64 = std::numeric_limits<std::uint64_t>::max();

template <typename Codec, FieldsOf<Code> T>
void code_field(Codec& codec, T& code) {
  codec.choice("code", code, 0,
               {"invalid_argument", "not_found", "already_exists", "failed_precondition",
                "resource_exhausted", "unavailable", "deadline_exceeded", "unsupported", "protocol",
                "system", "internal"});
}

template <typename Codec, FieldsOf<MemoryKind> T>
void memory_field(Codec& codec, T& memory) {
  codec.choice("memory", memory, 0, {"host", "cuda"});
}

Error too_long(std::size_t bytes, std::size_t max_bytes, Code code);

// {"type": …} and the message's fields. `types` has the variant's alternatives in order.
// kInvalidArgument: longer than max_bytes.
template <typename Variant, std::size_t N>
Result<std::string> write_message(const Variant& message,
                                  const std::array<std::string_view, N>& types,
                                  std::size_t max_bytes) {
  static_assert(std::variant_size_v<Variant> == N);
  nlohmann::json object{{"type", types[message.index()]}};
  JsonWriter writer(object);
  std::visit([&](const auto& alternative) { fields(writer, alternative); }, message);
  std::string text = json_text(object);
  if (text.size() > max_bytes) return too_long(text.size(), max_bytes, Code::kInvalidArgument);
  return text;
}

// kProtocol names the first fault.
template <typename Variant, std::size_t N>
Result<Variant> read_message(std::string_view text, const std::array<std::string_view, N>& types,
                             std::size_t max_bytes) {
  static_assert(std::variant_size_v<Variant> == N);
  if (text.size() > max_bytes) return too_long(text.size(), max_bytes, Code::kProtocol);
  PEGAFLOW_ASSIGN(const nlohmann::json document, parse_json(text));
  JsonFaults faults;
  const JsonView view(document, faults);
  JsonReader reader(view);
  Variant message;
  std::string type;
  reader.text("type", type, {1, 32, "_"});
  PEGAFLOW_TRY(faults.status(Code::kProtocol));
  const auto found = std::find(types.begin(), types.end(), type);
  if (found == types.end())
    return Error(Code::kProtocol, "/type: unknown message \"" + type + "\"");
  const auto index = static_cast<std::size_t>(found - types.begin());
  [&]<std::size_t... I>(std::index_sequence<I...>) {
    ((I == index ? fields(reader, message.template emplace<I>()) : void()), ...);
  }(std::make_index_sequence<N>());
  reader.finish();
  if (const Status status = faults.status(Code::kProtocol); !status.ok()) {
    return status.error().within(type);
  }
  return message;
}

}  // namespace pegaflow::wire
