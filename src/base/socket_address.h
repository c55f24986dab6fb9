// SocketAddress: where a stream socket listens or dials: TCP ("10.0.0.1:7600", "[::1]:7600") or a
// Unix path.
#pragma once

#include <sys/socket.h>

#include <cstdint>
#include <string>
#include <string_view>

#include "pegaflow/result.h"

namespace pegaflow {

class SocketAddress {
 public:
  // "host:port". Numeric hosts are read as they are; a name is looked up, which may block for as
  // long as the resolver does. kInvalidArgument: not of this form; kUnavailable: name unknown.
  static Result<SocketAddress> tcp(std::string_view text);
  // kInvalidArgument: empty or longer than 107 bytes.
  static Result<SocketAddress> unix_path(std::string_view path);

  bool is_unix() const { return family() == AF_UNIX; }
  int family() const { return storage_.ss_family; }
  const sockaddr* raw() const { return reinterpret_cast<const sockaddr*>(&storage_); }
  socklen_t size() const { return size_; }
  const std::string& text() const { return text_; }  // as it was given, for messages

 private:
  SocketAddress() = default;
  sockaddr_storage storage_{};
  socklen_t size_ = 0;
  std::string text_;
};

}  // namespace pegaflow
