#include "base/pidfd.h"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <optional>

#include "base/seqpacket.h"
#include "child_process.h"
#include "poll_until.h"
#include "temp_dir.h"

namespace pegaflow {
namespace {

using Lookup = Result<UniqueFd> (*)(int);

// A server socket whose client lives in a child process until it is killed.
class PidfdOfPeer : public testing::TestWithParam<Lookup> {
 protected:
  void SetUp() override {
    auto listener = SeqpacketListener::listen(dir_.file("socket"));
    ASSERT_TRUE(listener.ok()) << listener.error().message();
    child_.emplace([&] {
      auto client = SeqpacketSocket::connect(dir_.file("socket"), kTestDeadline);
      if (!client.ok()) return 1;
      wait_for(client->fd(), 0);  // until killed
      return 0;
    });
    ASSERT_TRUE(wait_readable(listener->fd()));
    auto accepted = listener->accept();
    ASSERT_TRUE(accepted.ok() && accepted->has_value());
    peer_.emplace(**std::move(accepted));
  }

  Result<UniqueFd> look_up() { return GetParam()(peer_->fd()); }
  bool unsupported(const Result<UniqueFd>& pidfd) {
    return !pidfd.ok() && pidfd.error().code() == Code::kUnsupported;
  }

  TempDir dir_;
  std::optional<ChildProcess> child_;
  std::optional<SeqpacketSocket> peer_;
};

TEST_P(PidfdOfPeer, becomes_readable_when_the_peer_process_exits) {
  auto pidfd = look_up();
  if (unsupported(pidfd)) GTEST_SKIP() << pidfd.error().message();
  ASSERT_TRUE(pidfd.ok()) << pidfd.error().message();
  EXPECT_FALSE(exited(*pidfd));
  child_->kill();
  EXPECT_TRUE(wait_readable(pidfd->get()));
  EXPECT_TRUE(exited(*pidfd));
}

TEST_P(PidfdOfPeer, of_a_reaped_peer_is_refused_or_has_exited) {
  child_->kill();
  child_->wait();
  auto pidfd = look_up();
  if (pidfd.ok()) {  // newer kernels keep the identity of a peer that is gone
    EXPECT_TRUE(exited(*pidfd));
  } else if (!unsupported(pidfd)) {
    EXPECT_EQ(pidfd.error().code(), Code::kUnavailable) << pidfd.error().message();
  }
}

INSTANTIATE_TEST_SUITE_P(Ways, PidfdOfPeer,
                         testing::Values(&pidfd_of_peer, &pidfd_of_peer_by_option,
                                         &pidfd_of_peer_by_pid));

TEST(Pidfd, by_pid_is_refused_when_the_peer_closed_its_socket) {
  auto ends = SeqpacketSocket::pair();
  ASSERT_TRUE(ends.ok());
  const int kept = ends->first.fd();
  ASSERT_TRUE(pidfd_of_peer_by_pid(kept).ok());
  {
    const SeqpacketSocket closed = std::move(ends->second);
  }
  auto pidfd = pidfd_of_peer_by_pid(kept);
  ASSERT_FALSE(pidfd.ok());
  EXPECT_EQ(pidfd.error().code(), Code::kUnavailable);
}

TEST(Pidfd, peer_credentials_name_the_connecting_process) {
  auto ends = SeqpacketSocket::pair();
  ASSERT_TRUE(ends.ok());
  auto peer = peer_credentials(ends->first.fd());
  ASSERT_TRUE(peer.ok());
  EXPECT_EQ(peer->pid, ::getpid());
  EXPECT_EQ(peer->uid, ::getuid());
  EXPECT_EQ(peer->gid, ::getgid());
}

TEST(Pidfd, of_a_process_that_never_was_is_refused) {
  ChildProcess child([] { return 0; });
  const pid_t pid = child.pid();
  child.wait();
  auto pidfd = pidfd_of_process(pid);
  ASSERT_FALSE(pidfd.ok());
  EXPECT_EQ(pidfd.error().code(), Code::kUnavailable);
}

TEST(Pidfd, a_zombie_has_exited) {
  ChildProcess child([] { return 0; });
  auto pidfd = pidfd_of_process(child.pid());
  ASSERT_TRUE(pidfd.ok());
  EXPECT_TRUE(wait_readable(pidfd->get()));
  EXPECT_TRUE(exited(*pidfd));
}

}  // namespace
}  // namespace pegaflow
