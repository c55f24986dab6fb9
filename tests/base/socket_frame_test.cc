#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/frame_socket.h"
#include "poll_until.h"
#include "temp_dir.h"

namespace pegaflow {
namespace {

using testing::HasSubstr;

std::string header(std::uint32_t length, std::uint32_t fds) {
  const std::array<std::uint32_t, 2> words{length, fds};
  return {reinterpret_cast<const char*>(words.data()), sizeof words};
}

Result<std::optional<Packet>> receive_waiting(FrameSocket& socket) {
  for (;;) {
    auto packet = socket.receive();
    if (!packet.ok() || packet->has_value()) return packet;
    if (!wait_readable(socket.fd())) return Error(Code::kDeadlineExceeded, "no frame came");
  }
}

// A frame socket and the bare descriptor at its other end.
struct Bare {
  FrameSocket socket;
  UniqueFd other;
  void write(std::string_view bytes) const {
    ASSERT_EQ(::write(other.get(), bytes.data(), bytes.size()), static_cast<ssize_t>(bytes.size()));
  }
};
Bare bare(FrameLimits limits = {}) {
  auto ends = FrameSocket::pair(limits);
  UniqueFd other(::dup(ends->second.fd()));
  return {std::move(ends->first), std::move(other)};
}

class FrameLink : public testing::TestWithParam<bool> {
 protected:
  void SetUp() override {
    auto at = GetParam() ? SocketAddress::unix_path(dir_.file("link"))
                         : SocketAddress::tcp("127.0.0.1:0");
    ASSERT_TRUE(at.ok()) << at.error().message();
    auto listener = FrameListener::listen(*at);
    ASSERT_TRUE(listener.ok()) << listener.error().message();
    auto to =
        GetParam() ? *at : *SocketAddress::tcp("127.0.0.1:" + std::to_string(listener->port()));
    auto client = FrameSocket::dial(to);
    ASSERT_TRUE(client.ok()) << client.error().message();
    client_.emplace(*std::move(client));
    ASSERT_TRUE(wait_readable(listener->fd()));
    auto server = listener->accept();
    ASSERT_TRUE(server.ok() && server->has_value());
    server_.emplace(**std::move(server));
    ASSERT_TRUE(wait_for(client_->fd(), POLLOUT));
    auto connected = client_->finish_connect();
    ASSERT_TRUE(connected.ok() && *connected);
  }
  TempDir dir_;
  std::optional<FrameSocket> client_, server_;
};

TEST_P(FrameLink, frames_travel_both_ways_in_order) {
  ASSERT_TRUE(client_->send("question").ok());
  ASSERT_TRUE(client_->send("again").ok());
  ASSERT_TRUE(server_->send("answer").ok());
  EXPECT_EQ((*receive_waiting(*server_))->text, "question");
  EXPECT_EQ((*receive_waiting(*server_))->text, "again");
  EXPECT_EQ((*receive_waiting(*client_))->text, "answer");
}

TEST_P(FrameLink, the_largest_frame_arrives_whole) {
  const std::string text(FrameLimits{}.max_frame_bytes, 'm');
  ASSERT_TRUE(client_->send(text).ok());
  std::optional<Packet> packet;
  while (!packet) {  // neither side's kernel buffer holds it all
    auto flushed = client_->flush();
    ASSERT_TRUE(flushed.ok());
    auto received = server_->receive();
    ASSERT_TRUE(received.ok()) << received.error().message();
    packet = *std::move(received);
  }
  EXPECT_EQ(packet->text, text);
  EXPECT_FALSE(client_->wants_write());
}

TEST_P(FrameLink, a_closed_peer_is_unavailable) {
  ASSERT_TRUE(client_->send("bye").ok());
  client_.reset();
  EXPECT_EQ((*receive_waiting(*server_))->text, "bye");
  auto end = receive_waiting(*server_);
  ASSERT_FALSE(end.ok());
  EXPECT_EQ(end.error().code(), Code::kUnavailable);
}

TEST_P(FrameLink, files_travel_on_unix_sockets_only) {
  const UniqueFd memfd(::memfd_create("travels", MFD_CLOEXEC));
  ASSERT_EQ(::write(memfd.get(), "hi", 2), 2);
  const std::array fds{memfd.get()};
  const Status sent = client_->send("file", fds);
  if (!GetParam()) {
    EXPECT_EQ(sent.error().code(), Code::kInvalidArgument);
    return;
  }
  ASSERT_TRUE(sent.ok());
  ASSERT_TRUE(client_->send("no file").ok());
  auto with = receive_waiting(*server_);
  auto without = receive_waiting(*server_);
  ASSERT_TRUE(with.ok() && without.ok());
  ASSERT_EQ((*with)->fds.size(), 1U);
  EXPECT_TRUE((*without)->fds.empty());
  char content = 0;
  EXPECT_EQ(::pread((*with)->fds[0].get(), &content, 1, 0), 1);
  EXPECT_EQ(content, 'h');
}

using TcpLink = FrameLink;

TEST_P(TcpLink, watches_its_peer) {
  for (const FrameSocket* end : {&*client_, &*server_}) {
    int value = 0;
    socklen_t size = sizeof value;
    ASSERT_EQ(::getsockopt(end->fd(), SOL_SOCKET, SO_KEEPALIVE, &value, &size), 0);
    EXPECT_EQ(value, 1);
    ASSERT_EQ(::getsockopt(end->fd(), IPPROTO_TCP, TCP_USER_TIMEOUT, &value, &size), 0);
    EXPECT_EQ(value, 3000);
    ASSERT_EQ(::getsockopt(end->fd(), IPPROTO_TCP, TCP_NODELAY, &value, &size), 0);
    EXPECT_NE(value, 0);
  }
}

INSTANTIATE_TEST_SUITE_P(Sockets, TcpLink, testing::Values(false));
INSTANTIATE_TEST_SUITE_P(Sockets, FrameLink, testing::Bool(),
                         [](const auto& test) { return std::string(test.param ? "unix" : "tcp"); });

TEST(FrameSocket, a_frame_in_single_bytes_is_put_together) {
  auto link = bare();
  for (const char byte : header(3, 0) + "abc") {
    auto early = link.socket.receive();
    ASSERT_TRUE(early.ok());
    EXPECT_FALSE(early->has_value());
    link.write({&byte, 1});
  }
  auto packet = link.socket.receive();
  ASSERT_TRUE(packet.ok() && packet->has_value());
  EXPECT_EQ((*packet)->text, "abc");
}

TEST(FrameSocket, impossible_headers_are_refused) {
  const FrameLimits limits{.max_frame_bytes = 100, .max_outgoing_bytes = 1000};
  const std::array bad{header(0, 0), header(101, 0), header(0xFFFFFFFF, 0),
                       header(1, kMaxPacketFds + 1)};
  for (const std::string& bytes : bad) {
    auto link = bare(limits);
    link.write(bytes);
    auto packet = link.socket.receive();
    ASSERT_FALSE(packet.ok());
    EXPECT_EQ(packet.error().code(), Code::kProtocol) << packet.error().message();
  }
}

TEST(FrameSocket, files_that_were_announced_but_did_not_come_are_refused) {
  auto link = bare();
  link.write(header(2, 1) + "ab");
  auto packet = link.socket.receive();
  ASSERT_FALSE(packet.ok());
  EXPECT_THAT(packet.error().message(), HasSubstr("announced 1 files and brought 0"));
}

TEST(FrameSocket, an_end_within_a_frame_is_told) {
  auto ends = FrameSocket::pair();
  ASSERT_TRUE(ends.ok());
  const std::string half = header(5, 0) + "ab";
  ASSERT_EQ(::write(ends->second.fd(), half.data(), half.size()),
            static_cast<ssize_t>(half.size()));
  {
    const FrameSocket closed = std::move(ends->second);
  }
  auto packet = ends->first.receive();
  ASSERT_FALSE(packet.ok());
  EXPECT_EQ(packet.error().code(), Code::kUnavailable);
  EXPECT_THAT(packet.error().message(), HasSubstr("within a frame"));
}

TEST(FrameSocket, a_peer_that_does_not_read_exhausts_the_buffer_and_nothing_is_lost) {
  auto ends = FrameSocket::pair({.max_frame_bytes = 10'000, .max_outgoing_bytes = 50'000});
  ASSERT_TRUE(ends.ok());
  std::size_t sent = 0;
  Status status;
  while ((status = ends->first.send(std::to_string(sent) + std::string(9'000, '.'))).ok()) ++sent;
  EXPECT_EQ(status.error().code(), Code::kResourceExhausted);
  EXPECT_TRUE(ends->first.wants_write());
  for (std::size_t i = 0; i < sent;) {
    ASSERT_TRUE(ends->first.flush().ok());
    auto packet = ends->second.receive();
    ASSERT_TRUE(packet.ok());
    if (!packet->has_value()) continue;
    EXPECT_TRUE((*packet)->text.starts_with(std::to_string(i) + "."));
    ++i;
  }
  EXPECT_FALSE(ends->first.wants_write());
}

TEST(FrameSocket, files_queued_behind_a_full_socket_stay_with_their_frame) {
  auto ends = FrameSocket::pair({.max_frame_bytes = 500'000, .max_outgoing_bytes = 1'000'000});
  ASSERT_TRUE(ends.ok());
  ASSERT_TRUE(ends->first.send(std::string(500'000, 'x')).ok());
  ASSERT_TRUE(ends->first.wants_write());
  {
    const UniqueFd memfd(::memfd_create("travels", MFD_CLOEXEC));
    const std::array fds{memfd.get()};
    ASSERT_TRUE(ends->first.send("with file", fds).ok());
  }
  std::vector<Packet> packets;
  while (packets.size() < 2) {
    ASSERT_TRUE(ends->first.flush().ok());
    auto packet = ends->second.receive();
    ASSERT_TRUE(packet.ok()) << packet.error().message();
    if (packet->has_value()) packets.push_back(**std::move(packet));
  }
  EXPECT_TRUE(packets[0].fds.empty());
  EXPECT_EQ(packets[1].fds.size(), 1U);
}

TEST(FrameSocket, dialing_where_nobody_listens_is_unavailable) {
  std::uint16_t port = 0;
  {
    auto listener = FrameListener::listen(*SocketAddress::tcp("127.0.0.1:0"));
    ASSERT_TRUE(listener.ok());
    port = listener->port();
  }
  auto socket = FrameSocket::dial(*SocketAddress::tcp("127.0.0.1:" + std::to_string(port)));
  if (socket.ok()) {
    ASSERT_TRUE(wait_for(socket->fd(), POLLOUT));
    auto connected = socket->finish_connect();
    ASSERT_FALSE(connected.ok());
    EXPECT_EQ(connected.error().code(), Code::kUnavailable);
  } else {
    EXPECT_EQ(socket.error().code(), Code::kUnavailable);
  }
}

TEST(FrameSocket, frames_sent_while_connecting_arrive) {
  auto listener = FrameListener::listen(*SocketAddress::tcp("127.0.0.1:0"));
  ASSERT_TRUE(listener.ok());
  auto client =
      FrameSocket::dial(*SocketAddress::tcp("127.0.0.1:" + std::to_string(listener->port())));
  ASSERT_TRUE(client.ok());
  ASSERT_TRUE(client->send("early").ok());
  ASSERT_TRUE(wait_for(client->fd(), POLLOUT));
  ASSERT_TRUE(client->flush().ok());
  ASSERT_TRUE(wait_readable(listener->fd()));
  auto server = listener->accept();
  ASSERT_TRUE(server.ok() && server->has_value());
  EXPECT_EQ((*receive_waiting(**server))->text, "early");
}

TEST(SocketAddress, forms) {
  EXPECT_TRUE(SocketAddress::tcp("[::1]:80").ok());
  EXPECT_EQ(SocketAddress::tcp("[::1]:80")->family(), AF_INET6);
  for (const char* bad : {"", ":", "127.0.0.1", "127.0.0.1:", ":80", "127.0.0.1:65536",
                          "127.0.0.1:-1", "::1:80", "127.0.0.1:8x"}) {
    auto address = SocketAddress::tcp(bad);
    ASSERT_FALSE(address.ok()) << bad;
    EXPECT_EQ(address.error().code(), Code::kInvalidArgument) << bad;
  }
}

}  // namespace
}  // namespace pegaflow
