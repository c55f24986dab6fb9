// The compiled kernels, put into the library by the assembler. PEGAFLOW_FATBIN is the file's path.
#include "memory/cuda/kernels.h"

asm(R"(
  .section .rodata
  .balign 16
pegaflow_fatbin_begin:
  .incbin ")" PEGAFLOW_FATBIN R"("
pegaflow_fatbin_end:
  .previous
  .global pegaflow_fatbin_begin
  .global pegaflow_fatbin_end
  .hidden pegaflow_fatbin_begin
  .hidden pegaflow_fatbin_end
)");

extern "C" {
// The assembler's names.
extern const std::byte pegaflow_fatbin_begin[];  // NOLINT(readability-identifier-naming)
extern const std::byte pegaflow_fatbin_end[];    // NOLINT(readability-identifier-naming)
}

namespace pegaflow::memory::cuda {

std::span<const std::byte> kernel_image() { return {pegaflow_fatbin_begin, pegaflow_fatbin_end}; }

}  // namespace pegaflow::memory::cuda
