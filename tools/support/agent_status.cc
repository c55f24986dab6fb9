#include "support/agent_status.h"

#include "base/json_view.h"

namespace pegaflow::tools {
namespace {

constexpr std::size_t kMaxLinks = 4096;
constexpr TextRule kAnyText{0, 256, nullptr};

}  // namespace

// Reads what it needs and lets the rest be: a newer agent may say more.
Result<LinkState> parse_link_state(std::string_view status_json, std::string_view peer) {
  PEGAFLOW_ASSIGN(const auto document, parse_json(status_json));
  JsonFaults faults;
  const JsonView view(document, faults);
  for (const auto& link : view["links"].array(0, kMaxLinks)) {
    const bool wanted =
        link["peer"].text(kNameRule) == peer && link["direction"].one_of({"to", "from"}) == 1;
    if (!wanted) continue;
    LinkState state{link["state"].text(kNameRule), link["path"].text(kNameRule),
                    link["transport"].text(kAnyText)};
    PEGAFLOW_TRY(faults.status(Code::kProtocol));
    return state;
  }
  PEGAFLOW_TRY(faults.status(Code::kProtocol));
  return Error(Code::kProtocol, "/links: no link from " + std::string(peer));
}

}  // namespace pegaflow::tools
