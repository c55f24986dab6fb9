#include "ucx_backend.h"

#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <charconv>
#include <string>

#include "base/check.h"
#include "gpu_area.h"

namespace pegaflow::transport::testing {
namespace {

constexpr std::string_view kRole = "--peer=";
constexpr int kPeerControlFd = 10;

// One end of a link, in this process.
struct End {
  std::string gpu;
  std::string net_devices;
  std::string tls;
};

// UCX sees a GPU only if its context is current when UCX starts.
std::unique_ptr<Context> make_context_of(const End& end) {
  if (!end.gpu.empty()) PEGAFLOW_CHECK(gpu(end.gpu).attach_thread().ok());
  auto context = make_ucx_context({.tls = end.tls, .net_devices = end.net_devices, .settings = {}});
  if (!context.ok()) std::fprintf(stderr, "%s\n", context.error().message().c_str());
  return std::move(context).value();
}

std::unique_ptr<Area> make_area_of(const End& end, std::size_t bytes) {
  return end.gpu.empty() ? make_host_area(bytes) : make_gpu_area(gpu(end.gpu), bytes);
}

// Forked and replaced at once: UCX does not survive a plain fork.
pid_t spawn_peer(const SeqpacketSocket& control, const End& end) {
  posix_spawn_file_actions_t actions;
  PEGAFLOW_CHECK(posix_spawn_file_actions_init(&actions) == 0);
  PEGAFLOW_CHECK(posix_spawn_file_actions_adddup2(&actions, control.fd(), kPeerControlFd) == 0);
  std::string program = "/proc/self/exe";
  std::string role(kRole);
  role += std::to_string(kPeerControlFd) + ';' + end.gpu + ';' + end.net_devices + ';' + end.tls;
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
  explicit UcxBackend(UcxLink link)
      : ours_{std::move(link.our_gpu), link.net_devices, link.tls},
        peers_{std::move(link.peer_gpu), std::move(link.net_devices), std::move(link.tls)},
        peer_is_process_(link.peer_is_process) {}

  std::unique_ptr<Context> make_context() override { return make_context_of(ours_); }
  std::unique_ptr<Area> make_area(std::size_t bytes) override { return make_area_of(ours_, bytes); }
  std::unique_ptr<Peer> start_peer() override {
    if (!peer_is_process_) return start_thread_peer(make_context());
    auto sockets = SeqpacketSocket::pair();
    PEGAFLOW_CHECK(sockets.ok());
    const auto pid = spawn_peer(sockets->second, peers_);
    return std::make_unique<ProcessPeer>(std::move(sockets->first), pid);
  }

 private:
  End ours_;
  End peers_;
  bool peer_is_process_;
};

}  // namespace

std::unique_ptr<Backend> make_ucx_backend(UcxLink link) {
  return std::make_unique<UcxBackend>(std::move(link));
}

bool run_as_peer(std::string_view argument) {
  if (!argument.starts_with(kRole)) return false;
  argument.remove_prefix(kRole.size());
  std::array<std::string_view, 4> parts;
  for (auto& part : parts) {
    part = argument.substr(0, argument.find(';'));
    argument.remove_prefix(std::min(part.size() + 1, argument.size()));
  }
  int fd = -1;
  std::from_chars(parts[0].data(), parts[0].data() + parts[0].size(), fd);
  const End end{std::string(parts[1]), std::string(parts[2]), std::string(parts[3])};
  auto context = make_context_of(end);
  serve_peer(SeqpacketSocket(UniqueFd(fd)), std::move(context),
             [&end](std::size_t bytes) { return make_area_of(end, bytes); });
  return true;
}

}  // namespace pegaflow::transport::testing
