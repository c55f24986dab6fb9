// describe_array: where an array's elements lie, in host memory or on a GPU.
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

using Description = std::tuple<std::uint64_t, std::vector<std::int64_t>, std::vector<std::int64_t>,
                               std::uint32_t, std::int32_t>;

// CUDA's number of the GPU; -1: host memory.
std::int32_t gpu_of(const nb::ndarray<>& array) {
  if (array.device_type() == nb::device::cpu::value) return -1;
  if (array.device_type() == nb::device::cuda::value) return array.device_id();
  throw nb::type_error("the array is neither in host memory nor in a CUDA device's");
}

Description describe(const nb::ndarray<>& array) {
  const auto item = static_cast<std::uint32_t>(array.itemsize());
  std::vector<std::int64_t> shape, strides;
  for (std::size_t i = 0; i < array.ndim(); ++i) {
    shape.push_back(static_cast<std::int64_t>(array.shape(i)));
    strides.push_back(array.stride(i) * item);
  }
  return {reinterpret_cast<std::uintptr_t>(array.data()), shape, strides, item, gpu_of(array)};
}

}  // namespace

void bind_arrays(nb::module_& module) {
  module.def("describe_array", &describe, nb::arg("array"),
             "Address, shape, strides in bytes, bytes per element and GPU (-1: host memory) of a\n"
             "writable array that speaks DLPack or the buffer protocol.");
}

}  // namespace pegaflow::python
