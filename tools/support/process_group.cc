#include "support/process_group.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <ranges>
#include <sstream>

#include "base/pidfd.h"
#include "support/text_file.h"

namespace pegaflow::tools {
namespace {

using Clock = std::chrono::steady_clock;
constexpr std::chrono::seconds kKillDeadline{5};

// What the child does between fork and exec: only calls that are safe there.
[[noreturn]] void become(const ChildSpec& spec, char* const* argv, int log_fd, pid_t parent) {
  // The parent blocks signals that it reads from a descriptor; its children take them as usual.
  sigset_t none;
  sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (::getppid() != parent) ::_exit(127);  // it died before the line above
  const int null_fd = ::open("/dev/null", O_RDONLY);
  if (null_fd < 0 || ::dup2(null_fd, STDIN_FILENO) < 0) ::_exit(127);
  if (::dup2(log_fd, STDOUT_FILENO) < 0 || ::dup2(log_fd, STDERR_FILENO) < 0) ::_exit(127);
  if (spec.inherited_fd >= 0) ::fcntl(spec.inherited_fd, F_SETFD, 0);
  ::execv(argv[0], argv);
  constexpr std::string_view kMessage = "cannot execute the program\n";
  [[maybe_unused]] const auto written = ::write(STDERR_FILENO, kMessage.data(), kMessage.size());
  ::_exit(127);
}

std::string ending(int status) {
  if (WIFSIGNALED(status)) {
    const int signal = WTERMSIG(status);
    return "signal " + std::to_string(signal) + " (" + ::strsignal(signal) + ")";
  }
  return "exit status " + std::to_string(WEXITSTATUS(status));
}

// How the child ended, once it has.
std::optional<std::string> reap(const Child& child) {
  int status = 0;
  const pid_t pid = ::waitpid(child.pid(), &status, WNOHANG);
  if (pid == 0) return std::nullopt;
  return pid == child.pid() ? ending(status) : std::string("lost: ") + std::strerror(errno);
}

bool wait_until_ended(const Child& child, Clock::time_point deadline) {
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - Clock::now());
  pollfd poll_fd{child.pidfd(), POLLIN, 0};
  return ::poll(&poll_fd, 1, left.count() < 0 ? 0 : static_cast<int>(left.count())) == 1;
}

// The "Pss" line of a process; 0 when it cannot be read.
std::uint64_t proportional_set_bytes(pid_t pid) {
  constexpr std::size_t kMaxBytes = std::size_t{64} * 1024;
  const auto path = "/proc/" + std::to_string(pid) + "/smaps_rollup";
  const auto text = read_text_file(path, kMaxBytes);
  const auto at = text.ok() ? text->find("\nPss:") : std::string::npos;
  if (at == std::string::npos) return 0;
  return std::strtoull(text->c_str() + at + 5, nullptr, 10) * 1024;
}

}  // namespace

Status ProcessGroup::spawn(const ChildSpec& spec) {
  Child child;
  child.name_ = spec.name;
  child.log_ = log_dir_ / (spec.name + ".log");
  const UniqueFd log(
      ::open(child.log_.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, S_IRUSR | S_IWUSR));
  if (!log.valid()) return system_error("open " + child.log_.string());
  std::vector<char*> argv;
  argv.reserve(spec.argv.size() + 1);
  // execv takes pointers to non-const, and promises not to write through them.
  for (const auto& argument : spec.argv) argv.push_back(const_cast<char*>(argument.c_str()));
  argv.push_back(nullptr);
  const pid_t self = ::getpid();
  child.pid_ = ::fork();
  if (child.pid_ < 0) return system_error("fork for " + spec.name);
  if (child.pid_ == 0) become(spec, argv.data(), log.get(), self);
  auto pidfd = pidfd_of_process(child.pid_);  // cannot be another process: nobody reaped it
  if (pidfd.ok()) child.pidfd_ = std::move(*pidfd);
  children_.push_back(std::move(child));
  return pidfd.ok() ? Status() : Status(pidfd.error());
}

const Child* ProcessGroup::ended() {
  for (auto& child : children_) {
    if (child.running()) child.how_it_ended_ = reap(child);
    if (!child.running()) return &child;
  }
  return nullptr;
}

void ProcessGroup::stop(std::chrono::milliseconds grace) {
  const auto deadline = Clock::now() + grace;
  for (auto& child : std::views::reverse(children_)) {
    if (!child.running()) continue;
    ::kill(child.pid_, SIGTERM);
    if (!wait_until_ended(child, deadline)) {
      ::kill(child.pid_, SIGKILL);
      wait_until_ended(child, Clock::now() + kKillDeadline);
    }
    child.how_it_ended_ = reap(child).value_or("still there after SIGKILL");
  }
}

std::uint64_t memory_bytes(const ProcessGroup& group) {
  std::uint64_t sum = proportional_set_bytes(::getpid());
  for (const auto& child : group.children()) sum += proportional_set_bytes(child.pid());
  return sum;
}

}  // namespace pegaflow::tools
