// What every transport promises about messages.
#include "link_fixture.h"

namespace pegaflow::transport::testing {
namespace {

using Messages = LinkTest;

TEST_P(Messages, arrive_in_order_and_intact_in_every_size) {
  peer_does(Command::kSend, 2000);
  ASSERT_TRUE(side().run_until([&] { return side().record().received == 2000; }));
  EXPECT_EQ(side().record().corrupt, 0U);
}

TEST_P(Messages, of_1_to_1024_bytes_are_accepted_and_no_others) {
  const std::vector<std::byte> bytes(kMaxMessageBytes + 1);
  const auto too_long = worker().send(bytes);
  ASSERT_FALSE(too_long.ok());
  EXPECT_EQ(too_long.error().code(), Code::kInvalidArgument);
  EXPECT_NE(too_long.error().message().find("1025"), std::string::npos);
  EXPECT_EQ(worker().send({}).error().code(), Code::kInvalidArgument);
  EXPECT_TRUE(side().send_next().ok());  // the link is none the worse
  EXPECT_EQ(peer_does(Command::kAwaitMessages, 1), 0U);
}

TEST_P(Messages, pile_up_before_a_sleeping_peer_until_refused_and_none_is_lost) {
  peer_does(Command::kSleep);
  Status status;
  // More than all buffers between here and there hold, sockets included.
  for (int i = 0; i < 400'000 && status.ok(); ++i) {
    status = side().send_next();
    worker().progress();
  }
  ASSERT_FALSE(status.ok());
  EXPECT_EQ(status.error().code(), Code::kResourceExhausted);
  EXPECT_GT(side().record().sent, kPrepostedReceives - 1);
  peer_does(Command::kWakeUp);
  EXPECT_EQ(peer_does(Command::kAwaitMessages, side().record().sent), 0U);
  EXPECT_TRUE(side().send_next().ok());
}

TEST_P(Messages, may_be_sent_before_the_peer_has_connected) {
  ASSERT_TRUE(side().make_worker().ok());
  const auto address = peer_gives(Command::kMakeWorker);
  ASSERT_TRUE(worker().connect(address).ok());
  ASSERT_TRUE(side().send_next().ok());
  EXPECT_EQ(peer_does(Command::kAwaitMessages, 1), 0U);
  peer_does(Command::kConnect, 0, 0, 0, worker().address());
  peer_does(Command::kSend, 1);
  ASSERT_TRUE(side().run_until([&] { return side().record().received == 1; }));
  EXPECT_EQ(side().record().corrupt, 0U);
}

TEST_P(Messages, may_be_sent_from_inside_on_message) {
  peer_does(Command::kEcho, 1);
  std::uint64_t echoed = 0;
  for (int i = 0; i < 100; ++i) ASSERT_TRUE(side().send_next().ok());
  side().message_hook = [&] { ++echoed; };
  ASSERT_TRUE(side().run_until([&] { return echoed == 100; }));
  EXPECT_EQ(side().record().corrupt, 0U);
}

TEST_P(Messages, need_a_connection) {
  ASSERT_TRUE(side().make_worker().ok());
  EXPECT_EQ(side().send_next().error().code(), Code::kFailedPrecondition);
  EXPECT_EQ(worker().flush(0).error().code(), Code::kFailedPrecondition);
  EXPECT_EQ(worker().unpack(side().target_memory().remote_key()).error().code(),
            Code::kFailedPrecondition);
}

INSTANTIATE_TEST_SUITE_P(Transport, Messages, ::testing::ValuesIn(backends_under_test()),
                         ::testing::PrintToStringParamName());

}  // namespace
}  // namespace pegaflow::transport::testing
