// Kernels: the module with the copy kernels, loaded once per mover. fatbin.cc holds its bytes.
#pragma once

#include <array>
#include <span>

#include "memory/cuda/launch.h"
#include "memory/cuda/resources.h"

namespace pegaflow::memory::cuda {

// Machine code and PTX of move.cu, as nvcc made it.
std::span<const std::byte> kernel_image();

class Kernels {
 public:
  // Loads everything now, so that no launch does later. kUnsupported: a GPU that the image has no
  // code for.
  static Result<Kernels> load(const Context& context);
  // unit_bytes: a power of two up to 16.
  CUfunction gather(std::uint32_t unit_bytes, bool sum) const;
  CUfunction scatter(std::uint32_t unit_bytes, bool sum) const;
  // Of what copies before it in the stream have put into slots: its sum, and the report.
  CUfunction sum(std::uint32_t unit_bytes) const;
  CUfunction finish() const { return finish_; }

 private:
  static constexpr std::size_t kWidths = 5;
  using Table = std::array<std::array<CUfunction, 2>, kWidths>;
  explicit Kernels(Module module) : module_(std::move(module)) {}
  Status find(const Context& context);
  Module module_;
  Table gather_{}, scatter_{};
  std::array<CUfunction, kWidths> sum_{};
  CUfunction finish_ = nullptr;
};

// Queues one launch; the launch is copied.
Status launch(const Context& context, CUstream stream, CUfunction kernel, std::uint32_t ctas,
              Launch& launch);

}  // namespace pegaflow::memory::cuda
