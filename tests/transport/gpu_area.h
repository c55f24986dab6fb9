// Areas in a GPU's memory, of the kind that UCX's cuda_ipc takes; all through memory::Device, so
// that this builds, and says why it cannot run, without CUDA, too.
#pragma once

#include <memory>
#include <string>

#include "area.h"
#include "memory/device.h"

namespace pegaflow::transport::testing {

// A GPU of this process, by ordinal or UUID; its context is held to the process's end, because UCX
// keeps what it has opened there. Aborts where memory::open_gpu() refuses.
memory::Device& gpu(const std::string& name);

// On a thread that Device::attach_thread() prepared; used on that thread.
std::unique_ptr<Area> make_gpu_area(memory::Device& device, std::size_t bytes);

}  // namespace pegaflow::transport::testing
