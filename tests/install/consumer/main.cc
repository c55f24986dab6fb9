// Asks for an agent where there is none; 0 when the library says so.
#include <pegaflow/session.h>

#include <cstdio>

int main() {
  const auto session = pegaflow::Session::connect({.socket_path = "/nowhere", .instance = "x"});
  if (session.ok()) return 1;
  std::puts(session.error().message().c_str());
  return session.error().code() == pegaflow::Code::kUnavailable ? 0 : 1;
}
