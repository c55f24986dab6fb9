// Result<T>: the return type of everything that may fail in an expected way.
// A bug in the caller is a CHECK (src/base/check.h), never a Result.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>

namespace pegaflow {

// What kind of failure it was; the message says the rest.
enum class Code : std::uint8_t {
  kInvalidArgument,     // the caller's values can never work
  kNotFound,            // the named thing does not exist
  kAlreadyExists,       // the name is taken
  kFailedPrecondition,  // right values, wrong moment
  kResourceExhausted,   // a named limit is reached
  kUnavailable,         // the other side is not there (now)
  kDeadlineExceeded,    // waited as long as was allowed
  kUnsupported,         // this build, machine or peer cannot do it
  kProtocol,            // bytes from outside broke a rule of the format
  kSystem,              // the operating system or a library refused
  kInternal,            // a bug that was contained
};

std::string_view to_string(Code code);

// What was tried, with which values, and what to do about it.
class Error {
 public:
  Error(Code code, std::string message) : code_(code), message_(std::move(message)) {}
  Code code() const { return code_; }
  const std::string& message() const { return message_; }
  // The same error with "`context`: " in front of the message.
  Error within(std::string_view context) const {
    return {code_, std::string(context) + ": " + message_};
  }

 private:
  Code code_;
  std::string message_;
};

// Aborts the process with the error's message; used when a Result is read the wrong way.
[[noreturn]] void die_on_bad_result_access(const Error* error);

// Either a T or an Error. Reading the side that is not there aborts the process (a bug).
// Value type; thread safety is T's.
template <typename T>
class [[nodiscard]] Result {
 public:
  Result(T value)
      : state_(std::in_place_index<0>, std::move(value)) {}  // NOLINT(google-explicit-constructor)
  Result(Error error)
      : state_(std::in_place_index<1>, std::move(error)) {}  // NOLINT(google-explicit-constructor)

  bool ok() const { return state_.index() == 0; }
  explicit operator bool() const { return ok(); }
  T& value() & { return checked(), *std::get_if<0>(&state_); }
  const T& value() const& { return checked(), *std::get_if<0>(&state_); }
  T&& value() && { return checked(), std::move(*std::get_if<0>(&state_)); }
  T& operator*() & { return value(); }
  const T& operator*() const& { return value(); }
  T&& operator*() && { return std::move(*this).value(); }
  T* operator->() { return &value(); }
  const T* operator->() const { return &value(); }
  const Error& error() const {
    if (ok()) die_on_bad_result_access(nullptr);
    return *std::get_if<1>(&state_);
  }

 private:
  void checked() const {
    if (!ok()) die_on_bad_result_access(std::get_if<1>(&state_));
  }
  std::variant<T, Error> state_;
};

template <>
class [[nodiscard]] Result<void> {
 public:
  Result() = default;
  Result(Error error) : error_(std::move(error)) {}  // NOLINT(google-explicit-constructor)
  bool ok() const { return !error_.has_value(); }
  explicit operator bool() const { return ok(); }
  void value() const {
    if (!ok()) die_on_bad_result_access(&*error_);
  }
  const Error& error() const {
    if (ok()) die_on_bad_result_access(nullptr);
    return *error_;
  }

 private:
  std::optional<Error> error_;
};

using Status = Result<void>;

#define PEGAFLOW_CONCAT_INNER(a, b) a##b
#define PEGAFLOW_CONCAT(a, b) PEGAFLOW_CONCAT_INNER(a, b)

// PEGAFLOW_TRY(expr): returns expr's error from the enclosing function, if it has one.
#define PEGAFLOW_TRY(expr)                                     \
  do {                                                         \
    auto pegaflow_status = (expr);                             \
    if (!pegaflow_status.ok()) return pegaflow_status.error(); \
  } while (false)

// PEGAFLOW_ASSIGN(auto x, expr): x takes expr's value, or the function returns its error.
#define PEGAFLOW_ASSIGN(lhs, expr) \
  PEGAFLOW_ASSIGN_INNER(PEGAFLOW_CONCAT(pegaflow_result_, __LINE__), lhs, expr)
#define PEGAFLOW_ASSIGN_INNER(tmp, lhs, expr) \
  auto tmp = (expr);                          \
  if (!tmp.ok()) return tmp.error();          \
  lhs = std::move(tmp).value()

}  // namespace pegaflow
