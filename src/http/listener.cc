#include "http/listener.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <cerrno>

#include "base/socket_address.h"

namespace pegaflow::http {
namespace {

constexpr int kBacklog = 128;

Result<SocketAddress> numeric_address(const std::string& address, std::uint16_t port) {
  const bool v6 = address.find(':') != std::string::npos;
  in6_addr unused{};
  if (inet_pton(v6 ? AF_INET6 : AF_INET, address.c_str(), &unused) != 1) {
    return Error(Code::kInvalidArgument, "expected a numeric address, got \"" + address + '"');
  }
  return SocketAddress::tcp((v6 ? '[' + address + ']' : address) + ':' + std::to_string(port));
}

std::uint16_t port_of(int socket) {
  sockaddr_storage storage{};
  socklen_t size = sizeof storage;
  ::getsockname(socket, reinterpret_cast<sockaddr*>(&storage), &size);
  if (storage.ss_family == AF_INET6) {
    return ntohs(reinterpret_cast<const sockaddr_in6&>(storage).sin6_port);
  }
  return ntohs(reinterpret_cast<const sockaddr_in&>(storage).sin_port);
}

}  // namespace

Result<Listener> listen_on(const std::string& address, std::uint16_t port) {
  PEGAFLOW_ASSIGN(const SocketAddress where, numeric_address(address, port));
  UniqueFd socket(::socket(where.family(), SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!socket.valid()) return system_error("make a socket");
  // A restarted server may listen again at once; never SO_REUSEPORT, which lets two servers share
  // one port in silence.
  const int on = 1;
  ::setsockopt(socket.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (::bind(socket.get(), where.raw(), where.size()) != 0) {
    const bool taken = errno == EADDRINUSE;
    const Error error = system_error("listen on " + where.text());
    return taken ? Error(Code::kAlreadyExists, error.message()) : error;
  }
  if (::listen(socket.get(), kBacklog) != 0) return system_error("listen on " + where.text());
  const std::uint16_t bound = port_of(socket.get());
  return Listener{std::move(socket), bound};
}

}  // namespace pegaflow::http
