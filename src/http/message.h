// Requests and responses as handlers and callers see them. Bodies are bytes; JSON is parsed by
// whoever knows its shape.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "pegaflow/result.h"

namespace pegaflow::http {

using NamedValues = std::vector<std::pair<std::string, std::string>>;

struct Request {
  std::string method;
  std::string path;        // decoded, without the query
  NamedValues parameters;  // what the pattern's {names} matched, decoded
  NamedValues query;       // decoded, in order of names
  std::string body;
  std::string peer;  // "ip:port" of the other side

  // REQUIRES: the route's pattern has {name}.
  const std::string& parameter(std::string_view name) const;
  // nullopt: absent. The first value, when given twice.
  std::optional<std::string> query_value(std::string_view name) const;
};

struct Response {
  int status = 200;
  std::string body;
  std::string content_type = "application/json";
};

inline constexpr std::string_view kPlainText = "text/plain; charset=utf-8";

// {"error": message}
Response error_response(int status, std::string_view message);
// {"error": message, "code": "not_found"}, with the status that says the same as the code (404 for
// kNotFound, 409 for kAlreadyExists and kFailedPrecondition, …).
Response error_response(const Error& error);
int status_of(Code code);

// What an answer with a status ≥ 400 said. Of a body that isn't an error_response (another
// server's page): its first 200 bytes, with a code that fits the status.
Error error_of(const Response& response);

struct Url {
  std::string host;
  std::uint16_t port = 0;
};
// "http://host:port", nothing after it. kInvalidArgument otherwise.
Result<Url> parse_url(std::string_view text);

}  // namespace pegaflow::http
