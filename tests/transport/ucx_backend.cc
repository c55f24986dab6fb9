#include "ucx_backend.h"

#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <charconv>
#include <cstdlib>
#include <string>

#include "backend.h"
#include "base/check.h"

namespace pegaflow::transport::testing {
namespace {

constexpr std::string_view kRole = "--peer=";
constexpr int kPeerControlFd = 10;
constexpr const char* kTcp = "tcp";
constexpr const char* kShm = "posix,sysv,cma,tcp";
constexpr const char* kRc = "rc_verbs,ud_verbs";

// A device as UCX_NET_DEVICES names it, e.g. "rxe0:1".
const char* rdma_device() { return std::getenv("PEGAFLOW_TEST_RDMA_DEVICE"); }

std::unique_ptr<Context> make_context_over(const std::string& tls) {
  auto context = make_ucx_context(
      {.tls = tls, .net_devices = tls == kRc ? rdma_device() : "lo", .settings = {}});
  if (!context.ok()) std::fprintf(stderr, "%s\n", context.error().message().c_str());
  return std::move(context).value();
}

// Forked and replaced at once: UCX does not survive a plain fork.
pid_t spawn_peer(const SeqpacketSocket& control, const std::string& tls) {
  posix_spawn_file_actions_t actions;
  PEGAFLOW_CHECK(posix_spawn_file_actions_init(&actions) == 0);
  PEGAFLOW_CHECK(posix_spawn_file_actions_adddup2(&actions, control.fd(), kPeerControlFd) == 0);
  std::string program = "/proc/self/exe";
  std::string role = std::string(kRole) + std::to_string(kPeerControlFd) + ',' + tls;
  char* arguments[] = {program.data(), role.data(), nullptr};
  pid_t pid = -1;
  PEGAFLOW_CHECK(posix_spawn(&pid, program.c_str(), &actions, nullptr, arguments, environ) == 0);
  posix_spawn_file_actions_destroy(&actions);
  return pid;
}

class ProcessPeer final : public Peer {
 public:
  ProcessPeer(SeqpacketSocket here, pid_t pid) : Peer(std::move(here)), pid_(pid) {}
  ~ProcessPeer() override {
    say_goodbye();
    reap();
  }
  ProcessPeer(const ProcessPeer&) = delete;
  ProcessPeer& operator=(const ProcessPeer&) = delete;

  bool can_be_killed() const override { return true; }
  void kill() override {
    ::kill(pid_, SIGKILL);
    reap();  // a zombie would hide the death from UCX's keep-alive
  }

 private:
  void reap() {
    if (pid_ > 0) waitpid(std::exchange(pid_, -1), nullptr, 0);
  }
  pid_t pid_;
};

class UcxBackend final : public Backend {
 public:
  UcxBackend(std::string tls, bool processes) : tls_(std::move(tls)), processes_(processes) {}

  std::unique_ptr<Context> make_context() override { return make_context_over(tls_); }
  std::unique_ptr<Peer> start_peer() override {
    if (!processes_) return start_thread_peer(make_context());
    auto sockets = SeqpacketSocket::pair();
    PEGAFLOW_CHECK(sockets.ok());
    const auto pid = spawn_peer(sockets->second, tls_);
    return std::make_unique<ProcessPeer>(std::move(sockets->first), pid);
  }

 private:
  std::string tls_;
  bool processes_;
};

std::unique_ptr<Backend> tcp_threads() { return std::make_unique<UcxBackend>(kTcp, false); }
std::unique_ptr<Backend> tcp_processes() { return std::make_unique<UcxBackend>(kTcp, true); }
std::unique_ptr<Backend> rc_processes() { return std::make_unique<UcxBackend>(kRc, true); }
std::unique_ptr<Backend> shm_processes() { return std::make_unique<UcxBackend>(kShm, true); }

}  // namespace

std::vector<BackendSpec> backends_under_test() {
  return {{.name = "TcpThreads", .make = tcp_threads, .put_lane = "tcp"},
          {.name = "TcpProcesses",
           .make = tcp_processes,
           .put_lane = "tcp",
           .peer_can_be_killed = true},
          {.name = "ShmProcesses",
           .make = shm_processes,
           .put_lane = "cma",
           .peer_can_be_killed = true,
           .destroying_fences = false,
           .destroying_is_noticed = false},
          {.name = "RcProcesses",
           .missing = rdma_device() == nullptr ? "needs PEGAFLOW_TEST_RDMA_DEVICE" : nullptr,
           .make = rc_processes,
           .put_lane = "rc_verbs",
           .peer_can_be_killed = true,
           .death_is_noticed = false,
           .destroying_is_noticed = false}};
}

bool run_as_peer(std::string_view argument) {
  if (!argument.starts_with(kRole)) return false;
  argument.remove_prefix(kRole.size());
  int fd = -1;
  const auto end = std::from_chars(argument.data(), argument.data() + argument.size(), fd).ptr;
  const std::string tls(end + 1, argument.data() + argument.size());
  serve_peer(SeqpacketSocket(UniqueFd(fd)), make_context_over(tls));
  return true;
}

}  // namespace pegaflow::transport::testing
