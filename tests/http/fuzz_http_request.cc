// Whatever a client sends: the exchange answers or closes, and never waits for more than came.
#include <sys/socket.h>

#include <algorithm>
#include <array>

#include "base/check.h"
#include "http/exchange.h"

namespace {

using namespace pegaflow;
using namespace pegaflow::http;

// Fits into a socket's buffer, so that nobody has to read while we write.
constexpr std::size_t kMostBytes = 32 * 1024;

Router routes() {
  Router router;
  const auto echo = [](const Request& request) { return Response{200, request.body, "a/b"}; };
  router.add("GET", "/a/{name}", echo);
  router.add("PUT", "/a/{name}", echo);
  return router;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const Router router = routes();
  static const Observer nobody;
  static const ServerConfig config = [] {
    ServerConfig small;
    small.max_body_bytes = 4'096;
    return small;
  }();
  static Exchange exchange(config, router, nobody, -1);
  std::array<int, 2> ends{};
  PEGAFLOW_CHECK(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends.data()) == 0);
  UniqueFd server(ends[0]);
  const UniqueFd client(ends[1]);
  (void)::send(client.get(), data, std::min(size, kMostBytes), MSG_NOSIGNAL);
  ::shutdown(client.get(), SHUT_WR);
  exchange.run(std::move(server));
  return 0;
}
