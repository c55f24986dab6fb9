#include "transport/ucx/config.h"

#include <ucp/api/ucp.h>

#include <array>
#include <cstdlib>
#include <utility>

#include "transport/ucx/status.h"
#include "transport/ucx/text.h"

namespace pegaflow::transport {
namespace {

// The version from which a transport's setting is found by the name that UCX documents; before,
// only by the name of the table that it is inherited from.
constexpr UcxVersion kDocumentedNames{1, 17, 0};

constexpr std::array kSharedMemory = {"posix", "sysv", "sm", "shm", "mm"};

// `tls` as UCX_TLS has it: comma separated; "all" or a leading '^' (all but) opens everything.
bool may_open_shared_memory(std::string_view tls) {
  if (tls.starts_with('^')) return true;
  while (!tls.empty()) {
    const auto token = tls.substr(0, tls.find(','));
    tls.remove_prefix(std::min(token.size() + 1, tls.size()));
    if (token == "all") return true;
    for (const std::string_view name : kSharedMemory) {
      if (token.starts_with(name)) return true;
    }
  }
  return false;
}

bool overridden(const std::string& name) { return std::getenv(("UCX_" + name).c_str()) != nullptr; }

// The settings of a context as `UCX_NAME=value` lines, then those kept for the transports as
// `NAME=value` lines.
std::string all_settings(const ucp_config_t* config) {
  return '\n' + printed([config](std::FILE* stream) {
           ucp_config_print(config, stream, "", UCS_CONFIG_PRINT_CONFIG);
         });
}

bool is_context_setting(const ucp_config_t* config, const std::string& name) {
  return all_settings(config).find("\nUCX_" + name + '=') != std::string::npos;
}

bool is_kept_for_transports(const ucp_config_t* config, const std::string& name) {
  return all_settings(config).find('\n' + name + '=') != std::string::npos;
}

Status apply(ucp_config_t* config, const std::string& name, const std::string& value,
             const UcxVersion& version) {
  const auto status = ucp_config_modify(config, name.c_str(), value.c_str());
  if (status != UCS_OK) {
    return Error(Code::kInvalidArgument, "UCX " + to_string(version) + " refused the setting " +
                                             name + '=' + value + " (" + ucs_status_string(status) +
                                             "): no such setting, or a bad value");
  }
  return {};
}

// Older versions keep any name for the transports, tell nobody when no transport wants it, and
// don't find the documented names.
Status apply_from_topology(ucp_config_t* config, const std::string& name, const std::string& value,
                           const UcxVersion& version) {
  PEGAFLOW_TRY(apply(config, name, value, version));
  if (version < kCudaAndTransportSettings && is_kept_for_transports(config, name)) {
    return Error(Code::kUnsupported,
                 "UCX " + to_string(version) + " does not take the setting " + name +
                     " from a program: set UCX_" + name +
                     " in the environment if `ucx_info -cf` lists it, otherwise it does not exist");
  }
  return {};
}

Status apply_all(ucp_config_t* config, const ContextConfig& wanted, const UcxVersion& version) {
  for (const auto& [name, value] : house_settings(wanted.tls, version)) {
    const bool known = is_context_setting(config, name) || name.ends_with("ERROR_HANDLING");
    if (known && !overridden(name)) PEGAFLOW_TRY(apply(config, name, value, version));
  }
  UcxSettings from_topology = {{"TLS", wanted.tls}};
  if (!wanted.net_devices.empty()) from_topology.emplace_back("NET_DEVICES", wanted.net_devices);
  for (const auto& [name, value] : wanted.settings) {
    if (name == "TLS" || name == "NET_DEVICES") {
      std::string what = "UCX setting ";
      what.append(name).append("=").append(value).append(" has a field of its own: use that");
      return Error(Code::kInvalidArgument, std::move(what));
    }
    from_topology.emplace_back(name, value);
  }
  for (const auto& [name, value] : from_topology) {
    if (!overridden(name)) PEGAFLOW_TRY(apply_from_topology(config, name, value, version));
  }
  return {};
}

}  // namespace

void UcxConfigDeleter::operator()(ucp_config_t* config) const { ucp_config_release(config); }

UcxSettings house_settings(std::string_view tls, const UcxVersion& version) {
  UcxSettings settings = {
      // With error mode PEER and rendezvous on, puts over tcp and cma silently become 8 KiB
      // messages (measured: 6 GB/s → 1.4).
      {"RNDV_THRESH", "inf"},
      {"KEEPALIVE_INTERVAL", "2s"},
      {"MAX_RMA_RAILS", "2"},
      // An error instead of a silent software fallback.
      {"PROTO_EMULATION_ENABLE", "n"},
      {"MAX_HCA_PER_GPU", "auto"},
  };
  if (may_open_shared_memory(tls)) {
    if (version < kDocumentedNames) {
      settings.emplace_back("MM_ERROR_HANDLING", "y");
    } else {
      settings.emplace_back("POSIX_ERROR_HANDLING", "y");
      settings.emplace_back("SYSV_ERROR_HANDLING", "y");
    }
  }
  return settings;
}

Result<UniqueUcxConfig> make_ucx_config(const ContextConfig& config, const UcxVersion& version) {
  ucp_config_t* raw = nullptr;
  PEGAFLOW_TRY(ucx_status("reading UCX's configuration", ucp_config_read(nullptr, nullptr, &raw)));
  UniqueUcxConfig result(raw);
  PEGAFLOW_TRY(apply_all(result.get(), config, version));
  return result;
}

}  // namespace pegaflow::transport
