#include "base/socket_address.h"

#include <netdb.h>
#include <sys/un.h>

#include <cstring>
#include <memory>

namespace pegaflow {
namespace {

struct HostAndPort {
  std::string host, port;
};

// "host:port" or "[v6]:port".
Result<HostAndPort> split(std::string_view text) {
  const auto bad = [&] {
    return Error(Code::kInvalidArgument,
                 "expected \"host:port\" or \"[ipv6]:port\", got \"" + std::string(text) + "\"");
  };
  const std::size_t colon = text.rfind(':');
  if (colon == std::string_view::npos || colon == 0 || colon + 1 == text.size()) return bad();
  std::string_view host = text.substr(0, colon);
  const std::string_view port = text.substr(colon + 1);
  if (port.size() > 5 || port.find_first_not_of("0123456789") != std::string_view::npos ||
      std::stoul(std::string(port)) > 65535) {
    return bad();
  }
  if (host.size() > 2 && host.front() == '[' && host.back() == ']') {
    host = host.substr(1, host.size() - 2);
  } else if (host.find(':') != std::string_view::npos) {
    return bad();
  }
  return HostAndPort{std::string(host), std::string(port)};
}

}  // namespace

Result<SocketAddress> SocketAddress::tcp(std::string_view text) {
  PEGAFLOW_ASSIGN(const HostAndPort parts, split(text));
  addrinfo hints{};
  hints.ai_family = AF_UNSPEC;
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_NUMERICSERV;
  addrinfo* found = nullptr;
  const int rc = ::getaddrinfo(parts.host.c_str(), parts.port.c_str(), &hints, &found);
  if (rc != 0) {
    return Error(Code::kUnavailable,
                 "look up \"" + parts.host + "\": " + std::string(::gai_strerror(rc)));
  }
  const std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)> list(found, &::freeaddrinfo);
  SocketAddress address;
  std::memcpy(&address.storage_, list->ai_addr, list->ai_addrlen);
  address.size_ = list->ai_addrlen;
  address.text_ = std::string(text);
  return address;
}

Result<SocketAddress> SocketAddress::unix_path(std::string_view path) {
  sockaddr_un raw{};
  if (path.empty() || path.size() >= sizeof raw.sun_path) {
    return Error(Code::kInvalidArgument, "a Unix socket's path has 1 to " +
                                             std::to_string(sizeof raw.sun_path - 1) +
                                             " bytes, got " + std::to_string(path.size()) + ": \"" +
                                             std::string(path) + "\"");
  }
  if (path.find('\0') != std::string_view::npos) {
    return Error(Code::kInvalidArgument, "a Unix socket's path has no zero bytes");
  }
  raw.sun_family = AF_UNIX;
  std::memcpy(raw.sun_path, path.data(), path.size());
  SocketAddress address;
  std::memcpy(&address.storage_, &raw, sizeof raw);
  address.size_ = sizeof raw;
  address.text_ = std::string(path);
  return address;
}

}  // namespace pegaflow
