// What the suite runs on when areas are GPU memory, and the same without the transport that puts
// need there.
#pragma once

#include <string>

#include "backend.h"

namespace pegaflow::transport::testing {

std::string missing_for_cuda_ipc();

// UCX could only bounce such puts through the host.
BackendSpec without_cuda_ipc();

}  // namespace pegaflow::transport::testing
