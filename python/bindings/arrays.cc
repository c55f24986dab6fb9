// describe_array: where an array's elements lie.
#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>
#include <nanobind/stl/tuple.h>
#include <nanobind/stl/vector.h>

#include <cstdint>
#include <tuple>
#include <vector>

#include "convert.h"

namespace pegaflow::python {
namespace {

using Description =
    std::tuple<std::uint64_t, std::vector<std::int64_t>, std::vector<std::int64_t>, std::uint32_t>;

Description describe(const nb::ndarray<nb::device::cpu>& array) {
  const auto item = static_cast<std::uint32_t>(array.itemsize());
  std::vector<std::int64_t> shape, strides;
  for (std::size_t i = 0; i < array.ndim(); ++i) {
    shape.push_back(static_cast<std::int64_t>(array.shape(i)));
    strides.push_back(array.stride(i) * item);
  }
  return {reinterpret_cast<std::uintptr_t>(array.data()), shape, strides, item};
}

}  // namespace

void bind_arrays(nb::module_& module) {
  module.def("describe_array", &describe, nb::arg("array"),
             "Address, shape, strides in bytes, and bytes per element of a writable array in host\n"
             "memory that speaks DLPack or the buffer protocol.");
}

}  // namespace pegaflow::python
