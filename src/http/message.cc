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

Code code_for(int status) {
  switch (status) {
    case 403:
    case 404:
      return Code::kNotFound;
    case 408:
    case 504:
      return Code::kDeadlineExceeded;
    case 409:
      return Code::kFailedPrecondition;
    case 413:
    case 429:
    case 431:
      return Code::kResourceExhausted;
    default:
      return status >= 500 ? Code::kUnavailable : Code::kInvalidArgument;
  }
}

Code code_named(std::string_view name, int status) {
  for (int code = 0; code <= static_cast<int>(Code::kInternal); ++code) {
    if (to_string(static_cast<Code>(code)) == name) return static_cast<Code>(code);
  }
  return code_for(status);
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
  return {status_of(error.code()),
          json_text({{"error", error.message()}, {"code", to_string(error.code())}}),
          "application/json"};
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

Error error_of(const Response& response) {
  constexpr std::size_t kShown = 200;
  const auto document = parse_json(response.body);
  if (document.ok() && document->is_object()) {
    const auto text = document->value("error", nlohmann::json());
    const auto code = document->value("code", nlohmann::json());
    if (text.is_string()) {
      return {code.is_string() ? code_named(code.get<std::string>(), response.status)
                               : code_for(response.status),
              text.get<std::string>()};
    }
  }
  return {code_for(response.status),
          "status " + std::to_string(response.status) + ": " + response.body.substr(0, kShown)};
}

}  // namespace pegaflow::http
