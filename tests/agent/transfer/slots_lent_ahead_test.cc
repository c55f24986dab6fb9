// Slots that wait at the source for what it will have ready next, and how they come back.
#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <variant>
#include <vector>

#include "tests/agent/transfer/transfer_test.h"

namespace pegaflow::agent {
namespace {

// The engine's agent may hold the chunk of a slot already, though nothing is in the slot.
TEST(SlotsLentAhead, are_asked_back_from_the_agent_that_fills_them) {
  World world({.path = DataPath::kDirect, .slots = 8, .pools_path = DataPath::kAgent});
  std::vector<std::uint64_t> handles;
  for (int i = 0; i < 8; ++i) {
    const Key key = Key::random();
    world.p_client.offer(key, kTokens);
    handles.push_back(world.d_client.receive(key, kTokens));
  }
  world.settle();  // slots are lent ahead; now two of them become ready, and want more than is free
  int more = 2;
  for (auto& [key, stream] : world.p_client.streams) {
    if (more-- == 0) break;
    stream.ready = stream.total;
    world.p_client.tell(wire::RingReady{key, stream.ready});
  }
  std::size_t revokes = 0;
  std::mt19937 random(3);
  for (int i = 0; i < 400; ++i) {
    for (const wire::ControlMessage& message : world.d_link.out) {
      revokes += std::holds_alternative<wire::Revoke>(message) ? 1 : 0;
    }
    world.step(random);
  }
  world.settle();
  EXPECT_GT(revokes, 0U);
  const auto complete = std::count_if(handles.begin(), handles.end(), [&world](auto handle) {
    return world.d_client.verified[handle].size() == kChunks;
  });
  EXPECT_EQ(complete, 2);
}

}  // namespace
}  // namespace pegaflow::agent
