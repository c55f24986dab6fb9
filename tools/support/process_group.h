// ProcessGroup: child processes. They end with the group, and with the parent however
// it dies; each writes a log of its own.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "base/unique_fd.h"
#include "pegaflow/result.h"

namespace pegaflow::tools {

struct ChildSpec {
  std::string name;               // names the log as well; unique in the group
  std::vector<std::string> argv;  // argv[0]: the program's path
  int inherited_fd = -1;          // stays open in the child under the same number; -1: none
};

class Child {
 public:
  const std::string& name() const { return name_; }
  const std::filesystem::path& log() const { return log_; }
  pid_t pid() const { return pid_; }
  int pidfd() const { return pidfd_.get(); }  // readable: the process has ended
  bool running() const { return !how_it_ended_; }
  // "exit status 1", "signal 9 (Killed)". REQUIRES: !running().
  const std::string& how_it_ended() const { return *how_it_ended_; }

 private:
  friend class ProcessGroup;
  std::string name_;
  std::filesystem::path log_;
  pid_t pid_ = 0;
  UniqueFd pidfd_;
  std::optional<std::string> how_it_ended_;
};

// Not thread safe. Children are spawned by the thread that outlives them: the kernel ends them
// with it (PR_SET_PDEATHSIG).
class ProcessGroup {
 public:
  // Logs go to `log_dir`/NAME.log.
  explicit ProcessGroup(std::filesystem::path log_dir) : log_dir_(std::move(log_dir)) {}
  ~ProcessGroup() { stop(std::chrono::milliseconds(0)); }  // kills what stop() was not called for
  ProcessGroup(const ProcessGroup&) = delete;
  ProcessGroup& operator=(const ProcessGroup&) = delete;

  Status spawn(const ChildSpec& spec);
  // The first child that has ended although nobody stopped it; nullptr: all run.
  const Child* ended();
  const std::vector<Child>& children() const { return children_; }
  // Terminates all, newest first; kills what has not ended within `grace` (for all together).
  void stop(std::chrono::milliseconds grace);

 private:
  std::filesystem::path log_dir_;
  std::vector<Child> children_;
};

// Memory of this process and the children, each shared page counted once (proportional set size).
std::uint64_t memory_bytes(const ProcessGroup& group);

}  // namespace pegaflow::tools
