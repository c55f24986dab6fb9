#include "http/url.h"

#include <charconv>

#include "http/client.h"

namespace pegaflow::http {
namespace {

bool is_unreserved(char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '-' ||
         c == '.' || c == '_' || c == '~';
}

std::optional<char> hex_pair(std::string_view text) {
  unsigned value = 0;
  if (text.size() != 2) return std::nullopt;
  const auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), value, 16);
  if (failed != std::errc() || end != text.data() + text.size() || value == 0) return std::nullopt;
  return static_cast<char>(value);
}

Error bad_encoding(std::string_view part) {
  return {Code::kInvalidArgument, "wrong percent encoding in \"" + std::string(part) + '"'};
}

Status parse_query(std::string_view text, NamedValues& query) {
  if (text.empty()) return {};
  for (const auto item : split(text, '&')) {
    const auto equals = item.find('=');
    const auto name = percent_decode(item.substr(0, equals), true);
    const auto value = equals == std::string_view::npos
                           ? std::optional<std::string>("")
                           : percent_decode(item.substr(equals + 1), true);
    if (!name.has_value() || !value.has_value()) return bad_encoding(item);
    query.emplace_back(*name, *value);
  }
  return {};
}

}  // namespace

std::vector<std::string_view> split(std::string_view text, char separator) {
  std::vector<std::string_view> parts;
  for (;;) {
    const auto end = text.find(separator);
    parts.push_back(text.substr(0, end));
    if (end == std::string_view::npos) return parts;
    text.remove_prefix(end + 1);
  }
}

std::string percent_encode(std::string_view text) {
  static constexpr std::string_view kDigits = "0123456789ABCDEF";
  std::string out;
  for (const char c : text) {
    if (is_unreserved(c)) {
      out += c;
      continue;
    }
    const auto byte = static_cast<unsigned char>(c);
    out += '%';
    out += kDigits[byte >> 4U];
    out += kDigits[byte & 15U];
  }
  return out;
}

std::optional<std::string> percent_decode(std::string_view text, bool plus) {
  std::string out;
  out.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '%') {
      const auto c = hex_pair(text.substr(i + 1, 2));
      if (!c.has_value()) return std::nullopt;
      out += *c;
      i += 2;
    } else {
      out += plus && text[i] == '+' ? ' ' : text[i];
    }
  }
  return out;
}

Result<Target> parse_target(std::string_view text) {
  Target target;
  const auto question = text.find('?');
  const auto path = text.substr(0, question);
  if (!path.starts_with('/')) {
    return Error(Code::kInvalidArgument, "expected a path, got \"" + std::string(path) + '"');
  }
  for (const auto part : split(path.substr(1), '/')) {
    auto segment = percent_decode(part, false);
    if (!segment.has_value()) return bad_encoding(part);
    target.segments.push_back(std::move(*segment));
  }
  if (question != std::string_view::npos) {
    PEGAFLOW_TRY(parse_query(text.substr(question + 1), target.query));
  }
  return target;
}

Result<Url> parse_url(std::string_view text) {
  constexpr std::string_view kScheme = "http://";
  const auto bad = [&] {
    return Error(Code::kInvalidArgument,
                 "expected \"http://host:port\", got \"" + std::string(text) + '"');
  };
  if (!text.starts_with(kScheme)) return bad();
  const auto rest = text.substr(kScheme.size());
  const auto colon = rest.rfind(':');
  if (colon == std::string_view::npos || colon == 0) return bad();
  Url url;
  const auto digits = rest.substr(colon + 1);
  const auto [end, failed] =
      std::from_chars(digits.data(), digits.data() + digits.size(), url.port);
  if (failed != std::errc() || end != digits.data() + digits.size() || url.port == 0) return bad();
  auto host = rest.substr(0, colon);
  const bool bracketed = host.size() > 2 && host.front() == '[' && host.back() == ']';
  if (bracketed) host = host.substr(1, host.size() - 2);
  if (host.find_first_of("/@?#[] ") != std::string_view::npos) return bad();
  if (!bracketed && host.find(':') != std::string_view::npos) return bad();
  url.host = std::string(host);
  return url;
}

}  // namespace pegaflow::http
