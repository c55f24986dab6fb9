#include "http/message.h"

#include <algorithm>

#include "base/check.h"
#include "base/json_view.h"

namespace pegaflow::http {
namespace {

const std::string* find(const NamedValues& values, std::string_view name) {
  const auto found = std::find_if(values.begin(), values.end(),
                                  [&](const auto& value) { return value.first == name; });
  return found == values.end() ? nullptr : &found->second;
}

}  // namespace

const std::string& Request::parameter(std::string_view name) const {
  const std::string* value = find(parameters, name);
  PEGAFLOW_CHECK(value != nullptr);
  return *value;
}

std::optional<std::string> Request::query_value(std::string_view name) const {
  const std::string* value = find(query, name);
  return value == nullptr ? std::nullopt : std::optional(*value);
}

Response error_response(int status, std::string_view message) {
  return {status, json_text({{"error", message}}), "application/json"};
}

Response error_response(const Error& error) {
  return error_response(status_of(error.code()), error.message());
}

int status_of(Code code) {
  switch (code) {
    case Code::kInvalidArgument:
    case Code::kProtocol:
      return 400;
    case Code::kNotFound:
      return 404;
    case Code::kAlreadyExists:
    case Code::kFailedPrecondition:
      return 409;
    case Code::kResourceExhausted:
      return 429;
    case Code::kUnavailable:
      return 503;
    case Code::kDeadlineExceeded:
      return 504;
    case Code::kUnsupported:
      return 501;
    case Code::kSystem:
    case Code::kInternal:
      return 500;
  }
  return 500;
}

std::string error_text(const Response& response) {
  constexpr std::size_t kShown = 200;
  const auto document = parse_json(response.body);
  if (document.ok() && document->is_object()) {
    const auto error = document->find("error");
    if (error != document->end() && error->is_string()) return error->get<std::string>();
  }
  return response.body.substr(0, kShown);
}

}  // namespace pegaflow::http
