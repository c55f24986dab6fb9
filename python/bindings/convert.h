// Conversions that all bindings share. Keys and digests are bytes in Python, durations are seconds,
// failures are PegaflowError.
#pragma once

#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>

#include <array>
#include <chrono>
#include <cstdint>
#include <span>
#include <utility>

#include "pegaflow/key.h"
#include "pegaflow/result.h"

namespace pegaflow::python {

namespace nb = nanobind;

// Raises pegaflow.PegaflowError with the error's message and code. REQUIRES the GIL.
[[noreturn]] void raise(const Error& error);

inline void check(const Status& status) {
  if (!status.ok()) raise(status.error());
}
template <typename T>
T check(Result<T> result) {
  if (!result.ok()) raise(result.error());
  return std::move(result).value();
}

// Raises ValueError unless there are exactly N bytes; `what` names them.
template <std::size_t N>
std::array<std::uint8_t, N> fixed_bytes(const nb::bytes& bytes, const char* what);
template <std::size_t N>
nb::bytes to_bytes(const std::array<std::uint8_t, N>& bytes) {
  return nb::bytes(bytes.data(), bytes.size());
}
Key key_of(const nb::bytes& bytes);

// Raises ValueError for what is negative, not a number, or more than 49 days.
std::chrono::milliseconds duration_of(double seconds, const char* what);

// Block ids: any one-dimensional, contiguous buffer of 32-bit integers.
using IdBuffer = nb::ndarray<nb::ro, nb::ndim<1>, nb::c_contig, nb::device::cpu>;
// Raises TypeError for other elements. Valid as long as `ids`.
std::span<const std::uint32_t> ids_of(const IdBuffer& ids);

// Each adds its part to the module.
void bind_errors(nb::module_& module);
void bind_layouts(nb::module_& module);
void bind_arrays(nb::module_& module);
void bind_transfers(nb::module_& module);
void bind_session(nb::module_& module);

}  // namespace pegaflow::python
