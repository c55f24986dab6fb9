// The encoded parts of URLs. Internal to this folder; percent_encode and parse_url are public
// (client.h, message.h).
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "http/message.h"

namespace pegaflow::http {

// nullopt: a % without two hex digits, or a zero byte. `plus`: '+' is a space (queries).
std::optional<std::string> percent_decode(std::string_view text, bool plus);

// "/v1/agents?since=a%3A1" → {"v1", "agents"}, {("since", "a:1")}.
struct Target {
  std::vector<std::string> segments;
  NamedValues query;
};
// kInvalidArgument: no leading '/', or encoded wrongly.
Result<Target> parse_target(std::string_view target);

// "a/b//" → "a", "b", "", "".
std::vector<std::string_view> split(std::string_view text, char separator);

}  // namespace pegaflow::http
