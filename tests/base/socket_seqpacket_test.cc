#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <filesystem>
#include <fstream>

#include "base/seqpacket.h"
#include "child_process.h"
#include "poll_until.h"
#include "temp_dir.h"

namespace pegaflow {
namespace {

using testing::HasSubstr;

std::size_t open_files() {
  const auto all = std::filesystem::directory_iterator("/proc/self/fd");
  return static_cast<std::size_t>(std::distance(begin(all), end(all)));
}

class Seqpacket : public testing::Test {
 protected:
  void SetUp() override {
    auto ends = SeqpacketSocket::pair();
    ASSERT_TRUE(ends.ok());
    a_.emplace(std::move(ends->first));
    b_.emplace(std::move(ends->second));
  }
  // What sendmsg would do without the limits of send().
  void send_raw(std::size_t bytes, std::size_t n_fds) {
    std::string text(bytes, 'x');
    iovec data{text.data(), text.size()};
    std::vector<char> control(CMSG_SPACE(n_fds * sizeof(int)));
    msghdr message{};
    message.msg_iov = &data;
    message.msg_iovlen = 1;
    if (n_fds > 0) {
      message.msg_control = control.data();
      message.msg_controllen = control.size();
      cmsghdr* part = CMSG_FIRSTHDR(&message);
      part->cmsg_level = SOL_SOCKET;
      part->cmsg_type = SCM_RIGHTS;
      part->cmsg_len = CMSG_LEN(n_fds * sizeof(int));
      std::fill_n(reinterpret_cast<int*>(CMSG_DATA(part)), n_fds, STDERR_FILENO);
    }
    ASSERT_EQ(::sendmsg(a_->fd(), &message, 0), static_cast<ssize_t>(bytes));
  }
  std::optional<SeqpacketSocket> a_, b_;
};

TEST_F(Seqpacket, messages_keep_their_bounds_and_order) {
  ASSERT_TRUE(a_->send("one").ok());
  ASSERT_TRUE(a_->send(std::string(kMaxSeqpacketBytes, 'z')).ok());
  auto first = b_->receive();
  auto second = b_->receive();
  ASSERT_TRUE(first.ok() && first->has_value() && second.ok() && second->has_value());
  EXPECT_EQ((*first)->text, "one");
  EXPECT_EQ((*second)->text, std::string(kMaxSeqpacketBytes, 'z'));
}

TEST_F(Seqpacket, nothing_waits_in_a_fresh_socket) {
  auto packet = b_->receive();
  ASSERT_TRUE(packet.ok());
  EXPECT_FALSE(packet->has_value());
}

TEST_F(Seqpacket, files_arrive_usable_and_close_on_exec) {
  const UniqueFd memfd(::memfd_create("travels", MFD_CLOEXEC));
  ASSERT_EQ(::write(memfd.get(), "hi", 2), 2);
  const std::array fds{memfd.get(), memfd.get()};
  ASSERT_TRUE(a_->send("with files", fds).ok());
  auto packet = b_->receive();
  ASSERT_TRUE(packet.ok() && packet->has_value());
  ASSERT_EQ((*packet)->fds.size(), 2U);
  std::array<char, 2> content{};
  EXPECT_EQ(::pread((*packet)->fds[1].get(), content.data(), 2, 0), 2);
  EXPECT_EQ(content[0], 'h');
  EXPECT_NE(::fcntl((*packet)->fds[1].get(), F_GETFD) & FD_CLOEXEC, 0);
}

TEST_F(Seqpacket, as_many_files_as_allowed_arrive) {
  const std::vector<int> fds(kMaxPacketFds, STDERR_FILENO);
  ASSERT_TRUE(a_->send("many", fds).ok());
  auto packet = b_->receive();
  ASSERT_TRUE(packet.ok() && packet->has_value());
  EXPECT_EQ((*packet)->fds.size(), kMaxPacketFds);
}

TEST_F(Seqpacket, a_sender_over_its_limits_is_refused) {
  const std::vector<int> too_many(kMaxPacketFds + 1, STDERR_FILENO);
  EXPECT_EQ(a_->send("").error().code(), Code::kInvalidArgument);
  EXPECT_EQ(a_->send(std::string(kMaxSeqpacketBytes + 1, 'x')).error().code(),
            Code::kInvalidArgument);
  EXPECT_EQ(a_->send("x", too_many).error().code(), Code::kInvalidArgument);
}

TEST_F(Seqpacket, a_message_too_long_is_refused_and_its_files_are_closed) {
  const std::size_t before = open_files();
  send_raw(kMaxSeqpacketBytes + 1, 3);
  auto packet = b_->receive();
  ASSERT_FALSE(packet.ok());
  EXPECT_EQ(packet.error().code(), Code::kProtocol);
  EXPECT_THAT(packet.error().message(), HasSubstr("65536"));
  EXPECT_EQ(open_files(), before);
}

TEST_F(Seqpacket, too_many_files_are_refused_and_all_closed) {
  const std::size_t before = open_files();
  send_raw(1, kMaxPacketFds + 5);
  auto packet = b_->receive();
  ASSERT_FALSE(packet.ok());
  EXPECT_EQ(packet.error().code(), Code::kProtocol);
  EXPECT_EQ(open_files(), before);
}

TEST_F(Seqpacket, a_closed_peer_is_unavailable_after_its_messages_are_read) {
  ASSERT_TRUE(a_->send("last words").ok());
  a_.reset();
  auto packet = b_->receive();
  ASSERT_TRUE(packet.ok() && packet->has_value());
  EXPECT_EQ(b_->receive().error().code(), Code::kUnavailable);
  EXPECT_EQ(b_->send("anyone?").error().code(), Code::kUnavailable);
}

TEST_F(Seqpacket, a_full_socket_says_so_and_loses_nothing) {
  const std::string text(kMaxSeqpacketBytes, 'x');
  std::size_t sent = 0;
  Status status;
  while ((status = a_->send(text)).ok()) ++sent;
  EXPECT_EQ(status.error().code(), Code::kResourceExhausted);
  for (std::size_t i = 0; i < sent; ++i) {
    auto packet = b_->receive();
    ASSERT_TRUE(packet.ok() && packet->has_value());
  }
  EXPECT_TRUE(a_->send(text).ok());
}

TEST(SeqpacketListener, connects_and_hands_over_a_working_socket) {
  const TempDir dir;
  auto listener = SeqpacketListener::listen(dir.file("s"));
  ASSERT_TRUE(listener.ok()) << listener.error().message();
  auto none = listener->accept();
  ASSERT_TRUE(none.ok());
  EXPECT_FALSE(none->has_value());
  auto client = SeqpacketSocket::connect(dir.file("s"), kTestDeadline);
  ASSERT_TRUE(client.ok()) << client.error().message();
  auto server = listener->accept();
  ASSERT_TRUE(server.ok() && server->has_value());
  ASSERT_TRUE(client->send("hello").ok());
  auto packet = (*server)->receive();
  ASSERT_TRUE(packet.ok() && packet->has_value());
  EXPECT_EQ((*packet)->text, "hello");
}

TEST(SeqpacketListener, sets_the_mode_and_removes_its_socket) {
  const TempDir dir;
  {
    auto listener = SeqpacketListener::listen(dir.file("s"), 0600);
    ASSERT_TRUE(listener.ok());
    struct stat found{};
    ASSERT_EQ(::stat(dir.file("s").c_str(), &found), 0);
    EXPECT_EQ(found.st_mode & 0777U, 0600U);
  }
  EXPECT_FALSE(std::filesystem::exists(dir.file("s")));
}

TEST(SeqpacketListener, a_second_server_of_one_path_is_refused_by_name) {
  const TempDir dir;
  auto first = SeqpacketListener::listen(dir.file("s"));
  ASSERT_TRUE(first.ok());
  auto second = SeqpacketListener::listen(dir.file("s"));
  ASSERT_FALSE(second.ok());
  EXPECT_EQ(second.error().code(), Code::kAlreadyExists);
  EXPECT_THAT(second.error().message(), HasSubstr(std::to_string(::getpid())));
  EXPECT_TRUE(SeqpacketSocket::connect(dir.file("s"), kTestDeadline).ok());
}

TEST(SeqpacketListener, replaces_the_socket_of_a_dead_server) {
  const TempDir dir;
  ChildProcess child([&] {
    auto listener = SeqpacketListener::listen(dir.file("s"));
    ::_exit(listener.ok() ? 0 : 1);  // without removing the socket
    return 0;
  });
  ASSERT_EQ(child.wait(), 0);
  ASSERT_TRUE(std::filesystem::exists(dir.file("s")));
  auto listener = SeqpacketListener::listen(dir.file("s"));
  ASSERT_TRUE(listener.ok()) << listener.error().message();
  EXPECT_TRUE(SeqpacketSocket::connect(dir.file("s"), kTestDeadline).ok());
}

TEST(SeqpacketListener, does_not_remove_what_is_no_socket) {
  const TempDir dir;
  std::ofstream(dir.file("s")) << "precious";
  auto listener = SeqpacketListener::listen(dir.file("s"));
  ASSERT_FALSE(listener.ok());
  EXPECT_EQ(listener.error().code(), Code::kInvalidArgument);
  EXPECT_TRUE(std::filesystem::exists(dir.file("s")));
}

TEST(SeqpacketListener, a_path_that_is_too_long_is_refused) {
  const TempDir dir;
  auto listener = SeqpacketListener::listen(dir.file(std::string(120, 'p')));
  ASSERT_FALSE(listener.ok());
  EXPECT_THAT(listener.error().message(), HasSubstr("107"));
}

TEST(SeqpacketConnect, without_a_server_is_unavailable_at_once) {
  const TempDir dir;
  auto client = SeqpacketSocket::connect(dir.file("nobody"), kTestDeadline);
  ASSERT_FALSE(client.ok());
  EXPECT_EQ(client.error().code(), Code::kUnavailable);
}

TEST(SeqpacketConnect, gives_up_at_the_deadline_when_nobody_accepts) {
  const TempDir dir;
  auto listener = SeqpacketListener::listen(dir.file("s"));
  ASSERT_TRUE(listener.ok());
  ASSERT_EQ(::listen(listener->fd(), 0), 0);  // room for one
  std::vector<SeqpacketSocket> waiting;
  for (;;) {
    auto client = SeqpacketSocket::connect(dir.file("s"), Millis(30));
    if (!client.ok()) {
      EXPECT_EQ(client.error().code(), Code::kDeadlineExceeded) << client.error().message();
      break;
    }
    waiting.push_back(*std::move(client));
    ASSERT_LT(waiting.size(), 10U);
  }
}

}  // namespace
}  // namespace pegaflow
