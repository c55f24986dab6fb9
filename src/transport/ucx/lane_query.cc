#include "transport/ucx/lane_query.h"

#include <ucp/api/ucp.h>
#include <ucp/api/ucp_version.h>

#include <array>

#include "transport/ucx/lanes.h"
#include "transport/ucx/status.h"
#include "transport/ucx/text.h"

namespace pegaflow::transport {
namespace {

#if UCP_API_VERSION >= UCP_VERSION(1, 14)
// The printed text is not an interface that UCX promises to keep; its own list of lanes is.
Status agrees_with_query(ucp_ep_h endpoint, const std::vector<Lane>& lanes) {
  std::array<ucp_transport_entry_t, 64> entries{};
  ucp_ep_attr_t attributes{};
  attributes.field_mask = UCP_EP_ATTR_FIELD_TRANSPORTS;
  attributes.transports.entries = entries.data();
  attributes.transports.num_entries = entries.size();
  attributes.transports.entry_size = sizeof(ucp_transport_entry_t);
  PEGAFLOW_TRY(ucx_status("asking for an endpoint's lanes", ucp_ep_query(endpoint, &attributes)));
  bool same = attributes.transports.num_entries == lanes.size();
  for (std::size_t i = 0; same && i < lanes.size(); ++i) {
    same = lanes[i].transport == entries[i].transport_name &&
           lanes[i].device == entries[i].device_name;
  }
  if (same) return {};
  return Error(Code::kInternal, "UCX lists " + std::to_string(attributes.transports.num_entries) +
                                    " lanes, but prints \"" + summarise(lanes).text + '"');
}
#else
Status agrees_with_query(ucp_ep_h /*endpoint*/, const std::vector<Lane>& /*lanes*/) { return {}; }
#endif

}  // namespace

Result<LaneInfo> query_lanes(ucp_ep_h endpoint) {
  const auto text = printed([endpoint](std::FILE* stream) { ucp_ep_print_info(endpoint, stream); });
  PEGAFLOW_ASSIGN(const auto lanes, parse_lanes(text));
  PEGAFLOW_TRY(agrees_with_query(endpoint, lanes));
  return summarise(lanes);
}

}  // namespace pegaflow::transport
