// A connected link of the backend under test: this side, and a scripted peer.
#pragma once

#include <gtest/gtest.h>

#include <memory>

#include "backend.h"

namespace pegaflow::transport::testing {

class LinkTest : public ::testing::TestWithParam<BackendSpec> {
 protected:
  void SetUp() override;
  void TearDown() override;

  // Fresh workers on both sides, wired up, with each other's target unpacked.
  void connect_fresh();
  void start_fresh_peer();
  // The peer does `command`; fails the test when it can't.
  std::uint64_t peer_does(Command command, std::uint64_t a = 0, std::uint64_t b = 0,
                          std::uint64_t c = 0, const Blob& blob = {});
  Blob peer_gives(Command command);
  // Until one flush more than before was reported.
  void flush_and_wait();
  void ping();  // a message each way and a put each way

  Side& side() { return *side_; }
  Worker& worker() { return *side_->worker(); }
  Peer& peer() { return *peer_; }

  std::unique_ptr<Backend> backend_;
  std::unique_ptr<Peer> peer_;
  std::unique_ptr<Side> side_;
  std::uint64_t next_token_ = 0;  // of flush_and_wait(); tests have those below kMaxTokens / 2
};

}  // namespace pegaflow::transport::testing
