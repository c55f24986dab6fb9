#include "link_fixture.h"

namespace pegaflow::transport::testing {

void LinkTest::SetUp() {
  const std::string missing = GetParam().missing != nullptr ? GetParam().missing() : "";
  if (!missing.empty()) GTEST_SKIP() << missing;
  backend_ = GetParam().make();
  side_ = std::make_unique<Side>(backend_->make_context(),
                                 [this](std::size_t bytes) { return backend_->make_area(bytes); });
  start_fresh_peer();
  connect_fresh();
}

// The peer says goodbye while this side still runs.
void LinkTest::TearDown() {
  peer_.reset();
  side_.reset();
}

void LinkTest::start_fresh_peer() { peer_ = backend_->start_peer(); }

void LinkTest::connect_fresh() {
  next_token_ = kMaxTokens / 2;
  ASSERT_TRUE(side_->make_worker().ok());
  const auto address = peer_gives(Command::kMakeWorker);
  peer_does(Command::kConnect, 0, 0, 0, worker().address());
  const auto connected = worker().connect(address);
  ASSERT_TRUE(connected.ok()) << connected.error().message();
  const auto key = peer_gives(Command::kTargetKey);
  const auto unpacked = side_->unpack(key);
  ASSERT_TRUE(unpacked.ok()) << unpacked.error().message();
  ASSERT_TRUE(side_->register_target().ok());
  peer_does(Command::kUnpack, 0, 0, 0, side_->target_memory().remote_key());
  flush_and_wait();
  EXPECT_EQ(peer_does(Command::kFlush), 1U);
  if (GetParam().may_emulate) return;
  const auto lanes = worker().lanes();
  ASSERT_TRUE(lanes.ok()) << lanes.error().message();
  ASSERT_TRUE(suits(GetParam(), *lanes)) << lanes->text;
}

std::uint64_t LinkTest::peer_does(Command command, std::uint64_t a, std::uint64_t b,
                                  std::uint64_t c, const Blob& blob) {
  const auto answer = peer_->call(*side_, command, a, b, c, blob);
  EXPECT_EQ(answer.error, "");
  return answer.value;
}

Blob LinkTest::peer_gives(Command command) {
  const auto answer = peer_->call(*side_, command);
  EXPECT_EQ(answer.error, "");
  return answer.blob;
}

void LinkTest::flush_and_wait() {
  const auto before = side_->flushed();
  const auto flushed = side_->flush(next_token_++);
  ASSERT_TRUE(flushed.ok()) << flushed.error().message();
  ASSERT_TRUE(side_->run_until([&] { return side_->flushed() > before; }));
}

void LinkTest::ping() {
  const auto sent = side_->send_next();
  ASSERT_TRUE(sent.ok()) << sent.error().message();
  EXPECT_EQ(peer_does(Command::kAwaitMessages, side_->record().sent), 0U);
  const auto received = side_->record().received;
  peer_does(Command::kSend, 1);
  ASSERT_TRUE(side_->run_until([&] { return side_->record().received > received; }));
  ASSERT_TRUE(side_->put_pattern(5, 100, 1000).ok());
  flush_and_wait();
  EXPECT_EQ(peer_does(Command::kHasPattern, 5, 100, 1000), 1U);
  EXPECT_EQ(peer_does(Command::kPutFlush, 6, 200, 1000), 1U);
  EXPECT_TRUE(side_->target_has(6, 200, 1000));
  EXPECT_EQ(side_->record().corrupt, 0U);
}

}  // namespace pegaflow::transport::testing
