#include "http/connect.h"

#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>

#include <cerrno>
#include <memory>

namespace pegaflow::http {
namespace {

using Addresses = std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)>;

Result<Addresses> look_up(const std::string& host, std::uint16_t port) {
  addrinfo hints{};
  hints.ai_family = AF_UNSPEC;
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_NUMERICSERV;
  addrinfo* found = nullptr;
  const int rc = ::getaddrinfo(host.c_str(), std::to_string(port).c_str(), &hints, &found);
  Addresses addresses(found, &::freeaddrinfo);
  if (rc != 0) return Error(Code::kUnavailable, "look up \"" + host + "\": " + ::gai_strerror(rc));
  return addresses;
}

Status finish_connecting(int socket, int cancel, Deadline deadline) {
  const StreamEnd end = wait_for(socket, POLLOUT, cancel, deadline);
  if (end != StreamEnd::kNone) return stream_error(end);
  int failed = 0;
  socklen_t size = sizeof failed;
  ::getsockopt(socket, SOL_SOCKET, SO_ERROR, &failed, &size);
  errno = failed;
  if (failed != 0) return Error(Code::kUnavailable, system_error("connect").message());
  return {};
}

Result<UniqueFd> connect_one(const addrinfo& address, int cancel, Deadline deadline) {
  UniqueFd socket(::socket(address.ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!socket.valid()) return system_error("make a socket");
  const int on = 1;
  ::setsockopt(socket.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  if (::connect(socket.get(), address.ai_addr, address.ai_addrlen) == 0) return socket;
  if (errno != EINPROGRESS) return Error(Code::kUnavailable, system_error("connect").message());
  PEGAFLOW_TRY(finish_connecting(socket.get(), cancel, deadline));
  return socket;
}

}  // namespace

Error stream_error(StreamEnd end) {
  switch (end) {
    case StreamEnd::kNone:
    case StreamEnd::kClosed:
      return {Code::kUnavailable, "the connection was closed"};
    case StreamEnd::kTimeout:
      return {Code::kDeadlineExceeded, "no complete answer in time"};
    case StreamEnd::kCancelled:
      return {Code::kFailedPrecondition, "cancelled"};
    case StreamEnd::kTooLarge:
      return {Code::kResourceExhausted, "the answer is larger than allowed"};
  }
  return {Code::kInternal, "unknown end of a stream"};
}

Result<UniqueFd> connect_to(const std::string& host, std::uint16_t port, int cancel,
                            Deadline deadline) {
  PEGAFLOW_ASSIGN(const Addresses addresses, look_up(host, port));
  Result<UniqueFd> socket = Error(Code::kUnavailable, "\"" + host + "\" has no address");
  for (const addrinfo* one = addresses.get(); one != nullptr; one = one->ai_next) {
    socket = connect_one(*one, cancel, deadline);
    if (socket.ok() || socket.error().code() != Code::kUnavailable) break;
  }
  return socket;
}

}  // namespace pegaflow::http
