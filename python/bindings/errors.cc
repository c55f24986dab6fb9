// PegaflowError, the codes it carries, and the conversions that raise.
#include <nanobind/nanobind.h>

#include <cmath>
#include <cstring>
#include <string>

#include "convert.h"

namespace pegaflow::python {
namespace {

constexpr double kMaxSeconds = 4'294'967.0;  // what 32 bits of milliseconds hold

}  // namespace

void raise(const Error& error) {
  const nb::object type = nb::module_::import_("pegaflow._core").attr("PegaflowError");
  const nb::object exception = type(error.message().c_str());
  exception.attr("code") = nb::cast(error.code());
  PyErr_SetObject(type.ptr(), exception.ptr());
  throw nb::python_error();
}

template <std::size_t N>
std::array<std::uint8_t, N> fixed_bytes(const nb::bytes& bytes, const char* what) {
  if (bytes.size() != N) {
    throw nb::value_error((std::string(what) + ": " + std::to_string(bytes.size()) +
                           " bytes, expected " + std::to_string(N))
                              .c_str());
  }
  std::array<std::uint8_t, N> result{};
  std::memcpy(result.data(), bytes.c_str(), N);
  return result;
}
template std::array<std::uint8_t, 16> fixed_bytes(const nb::bytes&, const char*);
template std::array<std::uint8_t, 32> fixed_bytes(const nb::bytes&, const char*);

Key key_of(const nb::bytes& bytes) { return {KeySpace::kTransfer, fixed_bytes<32>(bytes, "key")}; }

std::chrono::milliseconds duration_of(double seconds, const char* what) {
  if (!(seconds >= 0 && seconds <= kMaxSeconds)) {
    throw nb::value_error((std::string(what) + ": " + std::to_string(seconds) + " s").c_str());
  }
  return std::chrono::milliseconds(static_cast<std::int64_t>(std::ceil(seconds * 1000)));
}

std::span<const std::uint32_t> ids_of(const IdBuffer& ids) {
  const auto type = ids.dtype();
  const bool integer = type.code == static_cast<std::uint8_t>(nb::dlpack::dtype_code::Int) ||
                       type.code == static_cast<std::uint8_t>(nb::dlpack::dtype_code::UInt);
  if (!integer || type.bits != 32) {
    throw nb::type_error("block ids: expected 32-bit integers");
  }
  return {static_cast<const std::uint32_t*>(ids.data()), ids.size()};
}

void bind_errors(nb::module_& module) {
  nb::enum_<Code>(module, "Code", "What kind of failure it was; the message says the rest.")
      .value("INVALID_ARGUMENT", Code::kInvalidArgument, "The values can never work.")
      .value("NOT_FOUND", Code::kNotFound, "The named thing does not exist.")
      .value("ALREADY_EXISTS", Code::kAlreadyExists, "The name is taken.")
      .value("FAILED_PRECONDITION", Code::kFailedPrecondition, "Right values, wrong moment.")
      .value("RESOURCE_EXHAUSTED", Code::kResourceExhausted, "A named limit is reached.")
      .value("UNAVAILABLE", Code::kUnavailable, "The other side is not there (now).")
      .value("DEADLINE_EXCEEDED", Code::kDeadlineExceeded, "Waited as long as was allowed.")
      .value("UNSUPPORTED", Code::kUnsupported, "This build, machine or peer cannot do it.")
      .value("PROTOCOL", Code::kProtocol, "Bytes from outside broke a rule of the format.")
      .value("SYSTEM", Code::kSystem, "The operating system or a library refused.")
      .value("INTERNAL", Code::kInternal, "A bug that was contained.");
  PyObject* type = PyErr_NewExceptionWithDoc("pegaflow._core.PegaflowError",
                                             "An expected failure; `code` says of what kind.",
                                             PyExc_RuntimeError, nullptr);
  if (type == nullptr) throw nb::python_error();
  module.attr("PegaflowError") = nb::steal(type);
}

}  // namespace pegaflow::python
