// FieldCodec: writes and reads messages from one list of their fields, so that the two directions
// cannot disagree. A message's fields are listed once, in a function
//   template <typename Codec, FieldsOf<Message> T> void fields(Codec& codec, T& message)
// which is called with a const message for writing and a mutable one for reading. All checks that
// need no other knowledge than the message are made in both directions.
// Encodings: docs/formats/wire.md.
#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <utility>
#include <variant>

#include "base/bytes.h"
#include "base/inline_vector.h"
#include "base/strong_id.h"
#include "pegaflow/key.h"
#include "pegaflow/result.h"
#include "pegaflow/transfer.h"

namespace pegaflow::wire {

template <typename T, typename Message>
concept FieldsOf = std::same_as<std::remove_const_t<T>, Message>;

// Largest number of each enum that travels as one byte; all count from kFirst without gaps.
template <typename E>
struct EnumRange;
template <>
struct EnumRange<Reason> {
  static constexpr std::uint8_t kFirst = 0, kLast = kMaxReason;
};
template <>
struct EnumRange<EventKind> {
  static constexpr std::uint8_t kFirst = 1,
                                kLast = static_cast<std::uint8_t>(EventKind::kWithdrawn);
};
template <>
struct EnumRange<KeySpace> {
  static constexpr std::uint8_t kFirst = 1, kLast = 1;  // kContent is reserved for the KV store
};

namespace internal {
template <typename T>
inline constexpr bool kIsId = false;
template <typename Tag, typename T>
inline constexpr bool kIsId<StrongId<Tag, T>> = true;
template <typename T>
inline constexpr bool kIsByteArray = false;
template <std::size_t N>
inline constexpr bool kIsByteArray<std::array<std::uint8_t, N>> = true;
template <typename T>
inline constexpr bool kIsList = false;
template <typename T, std::size_t N>
inline constexpr bool kIsList<InlineVector<T, N>> = true;
}  // namespace internal

template <bool kWriting>
class FieldCodec {
 public:
  using Bytes = std::conditional_t<kWriting, std::span<std::byte>, std::span<const std::byte>>;
  explicit FieldCodec(Bytes bytes) : io_(bytes) {}

  // One field. `name` is for messages to people.
  template <typename Field>
  void operator()(const char* name, Field& field) {
    using T = std::remove_const_t<Field>;
    if constexpr (std::same_as<T, bool>) {
      flag(name, field);
    } else if constexpr (std::unsigned_integral<T>) {
      number(field);
    } else if constexpr (internal::kIsId<T>) {
      number(field.value);
    } else if constexpr (std::is_enum_v<T>) {
      choice(name, field);
    } else if constexpr (internal::kIsByteArray<T>) {
      array(field);
    } else if constexpr (internal::kIsList<T>) {
      list(name, field);
    } else {
      fields(*this, field);
    }
  }

  // Text of min … max bytes (max ≤ 255) behind its length.
  template <FieldsOf<std::string> Field>
  void text(const char* name, Field& field, std::size_t min, std::size_t max) {
    if constexpr (kWriting) {
      if (!check_text(name, field.size(), min, max)) return;
      io_.put_short_string(field);
    } else {
      field = io_.get_short_string();
      if (io_.ok()) check_text(name, field.size(), min, max);
    }
  }

  void check(bool condition, const char* name, const char* expected) {
    if (!condition) fault(name, std::string("expected ") + expected);
  }

  // Everything was well; when reading, nothing is left over.
  Status finish() const {
    if (fault_) return *fault_;
    if (!io_.ok()) return Error(code(), kWriting ? "does not fit" : "ends too early");
    if constexpr (!kWriting) {
      if (io_.left() != 0) return Error(code(), std::to_string(io_.left()) + " bytes too many");
    }
    return {};
  }
  std::size_t size() const
    requires kWriting
  {
    return io_.size();
  }

 private:
  static constexpr Code code() { return kWriting ? Code::kInvalidArgument : Code::kProtocol; }

  void fault(const char* name, const std::string& what) {
    if (!fault_) fault_ = Error(code(), std::string(name) + ": " + what);
  }

  template <typename Number>
  void number(Number& field) {
    if constexpr (kWriting) {
      io_.put(field);
    } else {
      field = io_.template get<Number>();
    }
  }

  void flag(const char* name, const bool& field)
    requires kWriting
  {
    std::ignore = name;
    io_.put(static_cast<std::uint8_t>(field ? 1 : 0));
  }
  void flag(const char* name, bool& field)
    requires(!kWriting)
  {
    const auto raw = io_.template get<std::uint8_t>();
    if (raw > 1) fault(name, "is " + std::to_string(raw) + ", expected 0 or 1");
    field = raw == 1;
  }

  template <typename Field>
  void choice(const char* name, Field& field) {
    using Enum = std::remove_const_t<Field>;
    using Range = EnumRange<Enum>;
    auto raw = static_cast<std::uint8_t>(field);
    number(raw);
    if (io_.ok() && (raw < Range::kFirst || raw > Range::kLast)) {
      fault(name, "is " + std::to_string(raw) + ", expected " + std::to_string(Range::kFirst) +
                      " to " + std::to_string(Range::kLast));
    } else if constexpr (!kWriting) {
      field = static_cast<Enum>(raw);
    }
  }

  template <typename Array>
  void array(Array& field) {
    if constexpr (kWriting) {
      io_.put(field);
    } else {
      field = io_.template get_array<std::tuple_size_v<Array>>();
    }
  }

  template <typename List>
  void list(const char* name, List& field) {
    auto count = static_cast<std::uint8_t>(field.size());
    number(count);
    if (count > List::capacity()) {
      fault(name, "has " + std::to_string(count) + " entries, expected at most " +
                      std::to_string(List::capacity()));
      return;
    }
    if constexpr (!kWriting) field.resize(count);
    for (auto& item : field) (*this)(name, item);
  }

  bool check_text(const char* name, std::size_t size, std::size_t min, std::size_t max) {
    if (size >= min && size <= max) return true;
    fault(name, "has " + std::to_string(size) + " bytes, expected " + std::to_string(min) + " to " +
                    std::to_string(max));
    return false;
  }

  std::conditional_t<kWriting, ByteWriter, ByteReader> io_;
  std::optional<Error> fault_;  // the first one
};

using FieldWriter = FieldCodec<true>;
using FieldReader = FieldCodec<false>;

// Fills `out` with a fresh alternative number `index` and reads its fields.
template <typename Variant>
void read_alternative(FieldReader& reader, std::size_t index, Variant& out) {
  [&]<std::size_t... I>(std::index_sequence<I...>) {
    ((I == index ? fields(reader, out.template emplace<I>()) : void()), ...);
  }(std::make_index_sequence<std::variant_size_v<Variant>>());
}

// ---- values that messages of all kinds have

template <typename Codec, FieldsOf<Key> T>
void fields(Codec& codec, T& key) {
  codec("key space", key.space);
  codec("key", key.bytes);
}

template <typename Codec, FieldsOf<StreamKey> T>
void fields(Codec& codec, T& key) {
  codec("xfer", key.xfer);
  codec("stream", key.stream);
}

}  // namespace pegaflow::wire
