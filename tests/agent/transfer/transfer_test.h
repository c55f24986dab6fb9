// Tests of whole transfers between two services: one world per test, on each way of the bytes.
#pragma once

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "tests/agent/transfer/world.h"

namespace pegaflow::agent {

inline constexpr std::uint32_t kTokens = 256;  // 4 layers × 4 tiles = 16 chunks
inline constexpr std::uint32_t kChunks = 16;

inline std::string name_of(DataPath path) {
  if (path == DataPath::kDirect) return "direct";
  return path == DataPath::kAgent ? "agent" : "ucx";
}
inline std::string path_of(const testing::TestParamInfo<DataPath>& test) {
  return name_of(test.param);
}
inline auto every_path() {
  return testing::Values(DataPath::kDirect, DataPath::kAgent, DataPath::kUcx);
}

class TransferTest : public testing::TestWithParam<DataPath> {
 protected:
  void all_slots_come_back() {
    world_.advance(std::chrono::milliseconds(20));  // claimed ones, when their writer is done
    EXPECT_EQ(world_.free_slots(*world_.p), world_.options.slots);
    EXPECT_EQ(world_.free_slots(*world_.d), world_.options.slots);
  }
  void next_transfer_works() {
    const Key key = Key::random();
    const std::uint64_t handle = world_.d_client.receive(key, kTokens);
    world_.p_client.offer(key, kTokens);
    world_.p_client.set_ready(kChunks);
    world_.settle();
    world_.p_client.set_ready(kChunks);
    world_.settle();
    EXPECT_EQ(world_.d_client.verified[handle].size(), kChunks);
    all_slots_come_back();
  }
  std::vector<wire::RingResult> p_results() const { return world_.p_client.results; }
  std::vector<wire::RingResult> d_results() const { return world_.d_client.results; }
  void expect_failed(Reason reason) {
    ASSERT_EQ(d_results().size(), 1U);
    EXPECT_EQ(d_results()[0].kind, EventKind::kFailed);
    EXPECT_EQ(d_results()[0].reason, reason) << to_string(d_results()[0].reason);
    world_.d_client.results.clear();
  }

  World world_{{GetParam()}};
  Key key_ = Key::random();
};

}  // namespace pegaflow::agent
