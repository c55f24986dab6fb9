// The program pegaflow-agent: its command line, its exit statuses, what it tells a service manager.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <csignal>
#include <fstream>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "base/pidfd.h"
#include "support/side.h"

namespace pegaflow::agent {
namespace {

using nlohmann::json;

constexpr int kDeadlineMs = 20'000;

// A service manager's end of $NOTIFY_SOCKET.
class NotifySocket {
 public:
  explicit NotifySocket(std::string path)
      : path_(std::move(path)), socket_(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0)) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::copy(path_.begin(), path_.end(), std::begin(address.sun_path));
    const auto* raw = reinterpret_cast<const sockaddr*>(&address);
    EXPECT_EQ(::bind(socket_.get(), raw, sizeof address), 0);
  }
  const std::string& path() const { return path_; }
  // Messages until one contains `text`; false: it did not come in time.
  bool hears(const std::string& text) const {
    std::array<char, 4096> buffer{};
    pollfd entry{socket_.get(), POLLIN, 0};
    while (::poll(&entry, 1, kDeadlineMs) == 1) {
      const ssize_t n = ::recv(socket_.get(), buffer.data(), buffer.size(), 0);
      if (n > 0 &&
          std::string(buffer.data(), static_cast<std::size_t>(n)).find(text) != std::string::npos) {
        return true;
      }
    }
    return false;
  }

 private:
  std::string path_;
  UniqueFd socket_;
};

class ProgramTest : public ::testing::Test {
 protected:
  ~ProgramTest() override {
    if (pid_ > 0) {
      ::kill(pid_, SIGKILL);
      ::waitpid(pid_, nullptr, 0);
    }
  }

  // Starts it with these arguments; output goes to a file.
  void start(std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), PEGAFLOW_AGENT_PROGRAM);
    std::vector<char*> argv;
    for (std::string& argument : arguments) argv.push_back(argument.data());
    argv.push_back(nullptr);
    pid_ = ::fork();
    if (pid_ != 0) return;
    const int out = ::open(output_.c_str(), O_CREAT | O_TRUNC | O_WRONLY | O_CLOEXEC, 0600);
    ::dup2(out, 1);
    ::dup2(out, 2);
    ::setenv("NOTIFY_SOCKET", notify_.path().c_str(), 1);
    ::setenv("WATCHDOG_USEC", "400000", 1);
    ::unsetenv("WATCHDOG_PID");
    ::execv(argv[0], argv.data());
    ::_exit(127);
  }
  // Its exit status; -1: killed, or not in time.
  int exit_status() {
    const UniqueFd pidfd = pidfd_of_process(pid_).value();
    pollfd entry{pidfd.get(), POLLIN, 0};
    if (::poll(&entry, 1, kDeadlineMs) != 1) return -1;
    int status = 0;
    ::waitpid(std::exchange(pid_, -1), &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  }
  int run(std::vector<std::string> arguments) {
    start(std::move(arguments));
    return exit_status();
  }
  std::string output() const {
    std::ifstream file(output_);
    return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
  }
  std::string topology_file() {
    const json node = {
        {"name", "p"},
        {"host", "test"},
        {"role", "both"},
        {"control", "127.0.0.1:" + std::to_string(free_port())},
        {"http", "127.0.0.1:" + std::to_string(free_port())},
        {"socket", dir_.path() + "/p.sock"},
        {"regions",
         {{{"name", "staging"}, {"memory", "host"}, {"slot_bytes", 65536}, {"slot_count", 16}}}},
        {"ucx", {{"tls", "tcp"}}}};
    const json topology = {{"cluster", "test"},
                           {"rendezvous", "http://127.0.0.1:" + std::to_string(free_port())},
                           {"nodes", {node}},
                           {"links", json::array()}};
    const std::string path = dir_.path() + "/topology.json";
    std::ofstream(path) << topology.dump();
    return path;
  }

  TempDir dir_;
  NotifySocket notify_{dir_.path() + "/notify"};
  std::string output_ = dir_.path() + "/output";
  pid_t pid_ = -1;
};

TEST_F(ProgramTest, help_and_version_are_no_errors) {
  EXPECT_EQ(run({"--help"}), 0);
  for (const char* text : {"--topology", "--drain-timeout", "SIGTERM", "Exit status"}) {
    EXPECT_NE(output().find(text), std::string::npos) << text;
  }
  EXPECT_EQ(run({"--version"}), 0);
  EXPECT_NE(output().find("pegaflow-agent "), std::string::npos);
}

TEST_F(ProgramTest, wrong_options_are_usage_errors) {
  EXPECT_EQ(run({}), 2);
  EXPECT_EQ(run({"--topology", "x", "--name", "p", "--no-such-option"}), 2);
  EXPECT_EQ(run({"--topology", "x", "--name", "p", "--log-level", "loud"}), 2);
  EXPECT_EQ(run({"--topology", "x", "--name", "p", "--drain-timeout", "-1"}), 2);
}

TEST_F(ProgramTest, failed_start_says_why) {
  EXPECT_EQ(run({"--topology", dir_.path() + "/none.json", "--name", "p"}), 1);
  EXPECT_NE(output().find("none.json"), std::string::npos);
}

TEST_F(ProgramTest, service_manager_hears_of_start_life_and_end) {
  start({"--topology", topology_file(), "--name", "p"});
  ASSERT_TRUE(notify_.hears("READY=1")) << output();
  EXPECT_TRUE(notify_.hears("WATCHDOG=1"));
  EXPECT_TRUE(notify_.hears("WATCHDOG=1"));
  ::kill(pid_, SIGTERM);
  EXPECT_TRUE(notify_.hears("STOPPING=1"));
  EXPECT_EQ(exit_status(), 0);
}

TEST_F(ProgramTest, options_come_from_a_file_too_and_the_command_line_wins) {
  const std::string path = dir_.path() + "/agent.toml";
  std::ofstream(path) << "topology = \"" << topology_file() << "\"\nname = \"nobody\"\n";
  start({"--config", path, "--name", "p"});
  ASSERT_TRUE(notify_.hears("READY=1")) << output();
  ::kill(pid_, SIGINT);
  EXPECT_EQ(exit_status(), 0);
}

}  // namespace
}  // namespace pegaflow::agent
