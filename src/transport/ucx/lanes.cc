#include "transport/ucx/lanes.h"

#include <algorithm>
#include <charconv>
#include <optional>

namespace pegaflow::transport {
namespace {

Error not_understood(std::string_view line) {
  return {Code::kInternal, "UCX's description of a lane is not understood: \"" + std::string(line) +
                               "\", expected lane[N]: M:transport/device.path"};
}

std::string_view trimmed(std::string_view line) {
  const auto first = line.find_first_not_of("# \t");
  return first == std::string_view::npos ? std::string_view() : line.substr(first);
}

// "name[N]…" → N.
std::optional<std::size_t> index_after(std::string_view line, std::string_view name) {
  if (!line.starts_with(name)) return std::nullopt;
  line.remove_prefix(name.size());
  std::size_t index = 0;
  const auto [end, error] = std::from_chars(line.data(), line.data() + line.size(), index);
  if (error != std::errc() || end == line.data() + line.size() || *end != ']') return std::nullopt;
  return index;
}

bool has_role(std::string_view roles, std::string_view role) {
  for (std::size_t at = roles.find(role); at != std::string_view::npos;
       at = roles.find(role, at + 1)) {
    const std::size_t end = at + role.size();
    const bool whole =
        end == roles.size() || roles[end] == ' ' || roles[end] == '#' || roles[end] == '{';
    if (at > 0 && roles[at - 1] == ' ' && whole) return true;
  }
  return false;
}

// "lane[0]:  1:tcp/eth0.0 md[1]    -> md[1]/tcp/sysdev[255] rma_bw#0 am am_bw#0 wireup".
Result<Lane> parse_lane(std::string_view line) {
  const auto slash = line.find('/');
  const auto number_end = line.rfind(':', slash);
  const auto end = line.find(' ', slash);
  const auto path = line.rfind('.', end);
  const auto arrow = line.find("-> ", end);
  if (slash == std::string_view::npos || end == std::string_view::npos ||
      path == std::string_view::npos || path < slash || arrow == std::string_view::npos ||
      number_end + 1 >= slash ||
      line.substr(number_end + 1, slash - number_end).find(' ') != std::string_view::npos) {
    return not_understood(line);
  }
  Lane lane;
  lane.transport = line.substr(number_end + 1, slash - number_end - 1);
  lane.device = line.substr(slash + 1, path - slash - 1);
  const auto roles = line.substr(arrow + 2);
  lane.puts = has_role(roles, "rma_bw");
  lane.messages = has_role(roles, "am");
  return lane;
}

// The older protocol code prints one "put[N]:" line for each lane that puts use, and uses rma_bw
// lanes for rendezvous only; the newer one prints neither and puts over rma_bw lanes.
struct OlderForm {
  bool recognised = false;
  std::vector<std::size_t> put_lanes;
};

void mark_older_put_lanes(const OlderForm& form, std::vector<Lane>& lanes) {
  if (!form.recognised) return;
  for (std::size_t i = 0; i < lanes.size(); ++i) {
    lanes[i].puts = std::ranges::find(form.put_lanes, i) != form.put_lanes.end();
  }
}

// Our memory is never allocated by UCX, and these write to no other.
bool writes_ucx_memory_only(const Lane& lane) {
  return lane.transport == "posix" || lane.transport == "sysv";
}

void add_unique(std::vector<std::string>& names, const std::string& name) {
  if (std::ranges::find(names, name) == names.end()) names.push_back(name);
}

std::string joined(const std::vector<std::string>& names) {
  std::string text;
  for (const auto& name : names) text += (text.empty() ? "" : ",") + name;
  return text.empty() ? "none" : text;
}

}  // namespace

Result<std::vector<Lane>> parse_lanes(std::string_view text) {
  std::vector<Lane> lanes;
  OlderForm older;
  while (!text.empty()) {
    const auto line_end = std::min(text.find('\n'), text.size());
    const auto line = trimmed(text.substr(0, line_end));
    text.remove_prefix(std::min(line_end + 1, text.size()));
    if (line.starts_with("lane[")) {
      if (index_after(line, "lane[") != lanes.size()) return not_understood(line);
      PEGAFLOW_ASSIGN(auto lane, parse_lane(line));
      lanes.push_back(std::move(lane));
    } else if (const auto put_lane = index_after(line, "put[")) {
      older.put_lanes.push_back(*put_lane);
    } else if (line.starts_with("tag_send:")) {
      older.recognised = true;
    }
  }
  if (lanes.empty()) return not_understood(text);
  mark_older_put_lanes(older, lanes);
  for (auto& lane : lanes) lane.puts = lane.puts && !writes_ucx_memory_only(lane);
  return lanes;
}

LaneInfo summarise(const std::vector<Lane>& lanes) {
  LaneInfo info;
  info.emulated = std::ranges::none_of(lanes, &Lane::puts);
  std::vector<std::string> puts;
  std::vector<std::string> control;
  for (const auto& lane : lanes) {
    const auto name = lane.transport + '/' + lane.device;
    if (lane.puts || (info.emulated && lane.messages)) {
      add_unique(info.rma, lane.transport);
      add_unique(puts, name);
    }
    if (lane.messages || !lane.puts) {
      add_unique(info.control, lane.transport);
      add_unique(control, name);
    }
  }
  info.text =
      (info.emulated ? "rma emulated over " : "rma ") + joined(puts) + "; am " + joined(control);
  return info;
}

}  // namespace pegaflow::transport
