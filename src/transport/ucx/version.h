// Which UCX the program runs with, and whether it fits the one it was compiled against.
#pragma once

#include <compare>
#include <string>
#include <string_view>

#include "pegaflow/result.h"

namespace pegaflow::transport {

struct UcxVersion {
  unsigned major = 0;
  unsigned minor = 0;
  unsigned release = 0;
  auto operator<=>(const UcxVersion&) const = default;
};

// From here on: CUDA works, and settings of single transports can be given by a program.
inline constexpr UcxVersion kCudaAndTransportSettings{1, 20, 1};

std::string to_string(const UcxVersion& version);
UcxVersion loaded_ucx_version();
UcxVersion compiled_ucx_version();  // release is 0: the headers don't say

// kUnsupported when `loaded` is older than `compiled`, of another major version, or too old for
// the CUDA transports that `tls` names.
Status check_ucx_version(const UcxVersion& loaded, const UcxVersion& compiled,
                         std::string_view tls);

}  // namespace pegaflow::transport
