#include "http/router.h"

#include "base/check.h"
#include "http/url.h"

namespace pegaflow::http {
namespace {

bool is_parameter(std::string_view segment) {
  return segment.size() > 2 && segment.front() == '{' && segment.back() == '}';
}

bool fits(const Router::Route& route, const std::vector<std::string>& segments,
          NamedValues& parameters) {
  if (route.segments.size() != segments.size()) return false;
  parameters.clear();
  for (std::size_t i = 0; i < segments.size(); ++i) {
    const std::string& expected = route.segments[i];
    if (is_parameter(expected)) {
      if (segments[i].empty()) return false;
      parameters.emplace_back(expected.substr(1, expected.size() - 2), segments[i]);
    } else if (expected != segments[i]) {
      return false;
    }
  }
  return true;
}

}  // namespace

void Router::add(std::string_view method, std::string_view pattern, Handler handler) {
  PEGAFLOW_CHECK(pattern.starts_with('/'));
  Route route{std::string(method), std::string(pattern), {}, std::move(handler)};
  for (const auto segment : split(pattern.substr(1), '/')) route.segments.emplace_back(segment);
  routes_.push_back(std::move(route));
}

Router::Match Router::find(std::string_view method,
                           const std::vector<std::string>& segments) const {
  Match match;
  for (const auto& route : routes_) {
    NamedValues parameters;
    if (!fits(route, segments, parameters)) continue;
    if (route.method == method || (route.method == "GET" && method == "HEAD")) {
      return {&route, std::move(parameters), ""};
    }
    match.allowed += (match.allowed.empty() ? "" : ", ") + route.method;
  }
  return match;
}

}  // namespace pegaflow::http
