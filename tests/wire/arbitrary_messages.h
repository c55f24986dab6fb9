// Random messages for property tests: a third reader of the codecs' field lists, which takes its
// values from rapidcheck. (That a list names every field is shown by the example messages.)
#pragma once

#include <rapidcheck.h>

#include <string>
#include <utility>

#include "wire/control_fields.h"
#include "wire/ring_fields.h"

namespace pegaflow::wire {

class ArbitraryFields {
 public:
  template <typename T>
  void operator()(const char* name, T& field) {
    if constexpr (std::same_as<T, bool> || std::unsigned_integral<T>) {
      field = *rc::gen::arbitrary<T>();
    } else if constexpr (internal::kIsId<T>) {
      field.value = *rc::gen::arbitrary<typename T::value_type>();
    } else if constexpr (std::is_enum_v<T>) {
      using Range = EnumRange<T>;
      field = static_cast<T>(*rc::gen::inRange<int>(Range::kFirst, Range::kLast + 1));
    } else if constexpr (internal::kIsByteArray<T>) {
      for (auto& byte : field) byte = *rc::gen::arbitrary<std::uint8_t>();
    } else if constexpr (internal::kIsList<T>) {
      field.resize(*rc::gen::inRange<std::size_t>(0, T::capacity() + 1));
      for (auto& item : field) (*this)(name, item);
    } else {
      fields(*this, field);
      repair(field);
    }
  }
  void text(const char*, std::string& field, std::size_t min, std::size_t max) {
    field.resize(*rc::gen::inRange(min, max + 1));
    for (char& c : field) c = static_cast<char>(*rc::gen::arbitrary<std::uint8_t>());
  }
  void check(bool, const char*, const char*) {}

  // What the codecs demand beyond single fields.
  template <typename T>
  void repair(T&) {}
  void repair(TokenSpan& span) {
    if (span.begin > span.end) std::swap(span.begin, span.end);
  }
  void repair(Want& want) {
    if (want.ready > want.total) std::swap(want.ready, want.total);
  }
  void repair(Grant& grant) { grant.priority = 0; }
};

// A message of a random type.
template <typename Variant>
Variant arbitrary_message() {
  const auto index = *rc::gen::inRange<std::size_t>(0, std::variant_size_v<Variant>);
  Variant message;
  [&]<std::size_t... I>(std::index_sequence<I...>) {
    ArbitraryFields random;
    ((I == index ? random("message", message.template emplace<I>()) : void()), ...);
  }(std::make_index_sequence<std::variant_size_v<Variant>>());
  return message;
}

}  // namespace pegaflow::wire
