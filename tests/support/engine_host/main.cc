// pegaflow-engine-host: EngineHost on standard input and output. Ends with its input.
#include <poll.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <atomic>
#include <csignal>
#include <cstdio>
#include <iostream>
#include <mutex>
#include <string>
#include <thread>

#include "tests/support/engine_host/host.h"

namespace {

std::mutex output;

void print(const std::string& line) {
  const std::lock_guard lock(output);
  std::printf("%s\n", line.c_str());
  std::fflush(stdout);
}

}  // namespace

int main() {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  std::string line;
  if (!std::getline(std::cin, line)) return 2;
  const auto config = pegaflow::engine_host::parse_config(line);
  if (!config.ok()) {
    print(R"({"error": "bad config"})");
    return 2;
  }
  auto host = pegaflow::engine_host::EngineHost::start(*config);
  if (!host.ok()) {
    print("{\"error\": \"" + host.error().message() + "\"}");
    return 1;
  }
  print(R"({"ok": "started"})");
  std::atomic<bool> stop{false};
  std::thread events([&] {
    while (!stop) {
      for (const std::string& event : (*host)->wait_events(std::chrono::milliseconds(100))) {
        print(event);
      }
    }
  });
  while (std::getline(std::cin, line)) print((*host)->command(line));
  stop = true;
  events.join();
  return 0;
}
