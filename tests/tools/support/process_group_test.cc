#include "support/process_group.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <string>
#include <vector>

#include "base/pidfd.h"
#include "base/seqpacket.h"
#include "support/channel.h"
#include "support/temp_dir.h"
#include "support/text_file.h"

namespace pegaflow::tools {
namespace {

using testing::HasSubstr;

constexpr int kDeadlineMs = 20'000;

bool readable(int fd) {
  pollfd poll_fd{fd, POLLIN, 0};
  return ::poll(&poll_fd, 1, kDeadlineMs) == 1;
}

class ProcessGroupTest : public testing::Test {
 protected:
  void SetUp() override { ASSERT_TRUE(dir_.ok()) << dir_.error().message(); }

  const Child& shell(ProcessGroup& group, const std::string& script, int fd = -1) {
    const auto spawned = group.spawn({"child", {"/bin/sh", "-c", script}, fd});
    EXPECT_TRUE(spawned.ok()) << spawned.error().message();
    return group.children().back();
  }

  Result<TempDir> dir_ = TempDir::create();
};

TEST_F(ProcessGroupTest, an_ended_child_is_noticed_with_its_status_and_its_log) {
  ProcessGroup group(dir_->path());
  const auto& child = shell(group, "echo out; echo err >&2; exit 3");
  ASSERT_TRUE(readable(child.pidfd()));
  const auto* ended = group.ended();
  ASSERT_NE(ended, nullptr);
  EXPECT_EQ(ended->how_it_ended(), "exit status 3");
  EXPECT_EQ(tail_of_file(ended->log(), 9), "out\nerr\n");
}

TEST_F(ProcessGroupTest, a_program_that_is_not_there_ends_and_says_so_in_its_log) {
  ProcessGroup group(dir_->path());
  ASSERT_TRUE(group.spawn({"child", {"/nonexistent/program"}}).ok());
  ASSERT_TRUE(readable(group.children()[0].pidfd()));
  ASSERT_NE(group.ended(), nullptr);
  EXPECT_THAT(tail_of_file(group.children()[0].log(), 1), HasSubstr("cannot execute"));
}

TEST_F(ProcessGroupTest, running_children_are_not_reported_and_stop_ends_them) {
  ProcessGroup group(dir_->path());
  const auto& child = shell(group, "exec cat /dev/zero >/dev/null");
  EXPECT_EQ(group.ended(), nullptr);
  group.stop(std::chrono::milliseconds(kDeadlineMs));
  EXPECT_THAT(child.how_it_ended(), HasSubstr("signal 15"));
}

TEST_F(ProcessGroupTest, a_child_that_ignores_the_request_to_end_is_killed) {
  ProcessGroup group(dir_->path());
  auto ends = SeqpacketSocket::pair();
  ASSERT_TRUE(ends.ok());
  const auto fd = std::to_string(ends->second.fd());
  const auto& child =
      shell(group, "trap '' TERM; echo ready >&" + fd + "; while :; do :; done", ends->second.fd());
  ASSERT_TRUE(readable(ends->first.fd()));
  group.stop(std::chrono::milliseconds(100));
  EXPECT_THAT(child.how_it_ended(), HasSubstr("signal 9"));
}

TEST_F(ProcessGroupTest, a_child_talks_over_the_socket_it_inherits_and_over_no_other) {
  ProcessGroup group(dir_->path());
  auto ends = SeqpacketSocket::pair();
  auto others = SeqpacketSocket::pair();
  ASSERT_TRUE(ends.ok() && others.ok());
  const auto fd = std::to_string(ends->second.fd());
  const auto other_fd = std::to_string(others->second.fd());
  shell(group,
        "echo hello >&" + fd + "; [ -e /proc/self/fd/" + other_fd + " ] && echo open >&" + fd +
            "; echo end >&" + fd,
        ends->second.fd());
  Channel channel(std::move(ends->first));
  std::string heard;
  while (heard.find("end\n") == std::string::npos && readable(channel.fd())) {
    const auto text = channel.receive();
    ASSERT_TRUE(text.ok()) << text.error().message();
    if (*text) heard += **text;
  }
  EXPECT_EQ(heard, "hello\nend\n");
}

TEST_F(ProcessGroupTest, children_die_with_their_parent) {
  auto ends = SeqpacketSocket::pair();
  ASSERT_TRUE(ends.ok());
  const pid_t parent = ::fork();
  ASSERT_GE(parent, 0);
  if (parent == 0) {  // spawns a child, tells its pid, waits for an answer, dies uncleanly
    ProcessGroup group(dir_->path());
    const auto spawned = group.spawn({"child", {"/bin/sh", "-c", "while :; do :; done"}});
    if (spawned.ok()) {
      [[maybe_unused]] const auto sent =
          ends->second.send(std::to_string(group.children()[0].pid()));
    }
    readable(ends->second.fd());
    ::_exit(0);
  }
  ASSERT_TRUE(readable(ends->first.fd()));
  const auto packet = ends->first.receive();
  ASSERT_TRUE(packet.ok() && *packet);
  const auto pidfd = pidfd_of_process(std::stoi((*packet)->text));
  ASSERT_TRUE(pidfd.ok()) << pidfd.error().message();
  ASSERT_TRUE(ends->first.send("die").ok());
  ::waitpid(parent, nullptr, 0);
  EXPECT_TRUE(readable(pidfd->get()));
}

TEST_F(ProcessGroupTest, memory_counts_this_process_and_the_children) {
  ProcessGroup group(dir_->path());
  const auto alone = memory_bytes(group);
  EXPECT_GT(alone, 0u);
  shell(group, "exec cat /dev/zero >/dev/null");
  EXPECT_GT(memory_bytes(group), 0u);
}

TEST(TempDirTest, goes_away_with_its_owner_unless_kept) {
  std::filesystem::path path;
  {
    auto dir = TempDir::create();
    ASSERT_TRUE(dir.ok());
    path = dir->path();
    const auto permissions = std::filesystem::status(path).permissions();
    EXPECT_EQ(permissions, std::filesystem::perms::owner_all);
    ASSERT_TRUE(write_text_file(path / "file", "x").ok());
  }
  EXPECT_FALSE(std::filesystem::exists(path));
  {
    auto dir = TempDir::create();
    ASSERT_TRUE(dir.ok());
    dir->keep();
    path = dir->path();
  }
  EXPECT_TRUE(std::filesystem::exists(path));
  std::filesystem::remove_all(path);
}

TEST(TextFileTest, the_tail_is_the_last_lines) {
  auto dir = TempDir::create();
  ASSERT_TRUE(dir.ok());
  const auto file = dir->path() / "log";
  ASSERT_TRUE(write_text_file(file, "one\ntwo\nthree\n").ok());
  EXPECT_EQ(tail_of_file(file, 2), "two\nthree\n");
  EXPECT_EQ(tail_of_file(file, 9), "one\ntwo\nthree\n");
  ASSERT_TRUE(write_text_file(file, "one\ntwo").ok());
  EXPECT_EQ(tail_of_file(file, 1), "two");
  ASSERT_TRUE(write_text_file(file, "").ok());
  EXPECT_EQ(tail_of_file(file, 1), "");
  EXPECT_THAT(tail_of_file(dir->path() / "missing", 1), HasSubstr("missing"));
}

}  // namespace
}  // namespace pegaflow::tools
