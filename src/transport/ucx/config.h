// UCX's configuration: the house's settings, then the topology's, under the environment's.
#pragma once

#include <ucp/api/ucp_def.h>

#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "pegaflow/result.h"
#include "transport/transport.h"
#include "transport/ucx/version.h"

namespace pegaflow::transport {

struct UcxConfigDeleter {
  void operator()(ucp_config_t* config) const;
};
using UniqueUcxConfig = std::unique_ptr<ucp_config_t, UcxConfigDeleter>;

// Name without the UCX_ prefix → value.
using UcxSettings = std::vector<std::pair<std::string, std::string>>;

// What we set for transports `tls` in UCX `version`, before the topology has its say.
UcxSettings house_settings(std::string_view tls, const UcxVersion& version);

// A setting whose UCX_ variable is in the environment is left to it. kInvalidArgument names a
// setting that this UCX doesn't know, or whose value it refuses; kUnsupported one that this UCX
// takes from the environment only.
Result<UniqueUcxConfig> make_ucx_config(const ContextConfig& config, const UcxVersion& version);

}  // namespace pegaflow::transport
