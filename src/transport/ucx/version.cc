#include "transport/ucx/version.h"

#include <ucp/api/ucp.h>
#include <ucp/api/ucp_version.h>

namespace pegaflow::transport {

std::string to_string(const UcxVersion& version) {
  return std::to_string(version.major) + '.' + std::to_string(version.minor) + '.' +
         std::to_string(version.release);
}

UcxVersion loaded_ucx_version() {
  UcxVersion version;
  ucp_get_version(&version.major, &version.minor, &version.release);
  return version;
}

UcxVersion compiled_ucx_version() { return {UCP_API_MAJOR, UCP_API_MINOR, 0}; }

Status check_ucx_version(const UcxVersion& loaded, const UcxVersion& compiled,
                         std::string_view tls) {
  if (loaded.major != compiled.major || loaded < compiled) {
    return Error(Code::kUnsupported,
                 "the UCX library loaded is " + to_string(loaded) +
                     ", but this program was compiled against " + to_string(compiled) +
                     ": install that version or a newer one of the same major version, or rebuild");
  }
  if (tls.find("cuda") != std::string_view::npos && loaded < kCudaAndTransportSettings) {
    return Error(Code::kUnsupported, "UCX " + to_string(loaded) + " is too old for tls \"" +
                                         std::string(tls) + "\": CUDA needs " +
                                         to_string(kCudaAndTransportSettings) + " or newer");
  }
  return {};
}

}  // namespace pegaflow::transport
