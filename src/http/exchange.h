// One request and its answer on one connection: reads within limits, routes, answers. httplib
// parses requests and writes responses. Includes httplib: internal to this folder.
#pragma once

#include <httplib.h>

#include "http/router.h"
#include "http/server.h"
#include "http/stream.h"

namespace pegaflow::http {

// Belongs to one thread, which runs one connection after the other.
class Exchange final : private httplib::Server {
 public:
  // All references outlive the exchange; `cancel` is readable once the server stops.
  Exchange(const ServerConfig& config, const Router& router, const Observer& observer, int cancel);

  void run(UniqueFd connection);

  // Tells a connection that nobody has time for it.
  static void refuse(UniqueFd connection);

 private:
  void register_handlers();
  HandlerResponse screen(const httplib::Request& request, httplib::Response& response);
  void answer(const httplib::Request& request, httplib::Response& response);
  Response dispatch(const httplib::Request& request, httplib::Response& response);
  void fill_error(httplib::Response& response);
  void answer_unread(SocketStream& stream, StreamEnd end);
  void process(SocketStream& stream);
  void report(std::string_view method, int status);

  const ServerConfig& config_;
  const Router& router_;
  const Observer& observer_;
  const int cancel_;

  // Of the connection being run:
  SocketStream* stream_ = nullptr;
  bool request_read_ = false;  // completely
  std::string_view pattern_;   // of its route
  Deadline start_{};
};

}  // namespace pegaflow::http
