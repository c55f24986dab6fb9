// The consuming side of a session, with an agent that fills slots from the peer's pool.
#pragma once

#include <vector>

#include "core/gather.h"
#include "tests/client/session_fixture.h"

namespace pegaflow::client::testing {

class SinkTest : public SessionTest {
 protected:
  using SessionTest::SessionTest;

  static constexpr StreamKey kStream{XferId{1}, StreamId{1}};

  void fill_peer() {
    for (std::uint32_t group = 0; group < model_.size(); ++group) {
      peer_pool_.fill(kSeed, group, 0, kTokens, peer_ids_);
    }
  }
  void open(const Key& key, std::uint64_t handle, StreamKey stream = kStream,
            std::uint32_t streams = 1) {
    stub_.send(stream_message(wire::StreamRole::kSink, key, handle, stream, streams));
  }
  // A slot with a chunk's bytes in it, as the source would have filled it.
  wire::ScatterSlot filled(std::uint32_t chunk, std::uint32_t slot) {
    wire::ScatterSlot message;
    message.slot = stub_.lend(kOwnRegion, slot);
    message.chunk = ChunkIndex{chunk};
    const std::vector<core::TableView> tables(model_.size(), {peer_ids_, 0});
    const core::StreamPlan the_plan = plan(wire::StreamRole::kSink);
    if (chunk < the_plan.n_chunks) {
      message.bytes = static_cast<std::uint32_t>(core::cell(the_plan, message.chunk).bytes);
      message.checksum = core::gather_crc(the_plan, message.chunk, peer_pool_.layout(), tables,
                                          stub_.region(kOwnRegion).slot(SlotIndex{slot}));
    }
    message.t_ready_ns = 1000 + chunk;
    message.gather_us = 10;
    message.wire_us = 3;
    stub_.set_word(message.slot, core::SlotState::kFilled);
    return message;
  }
  wire::ScatteredSlot scatter(const wire::ScatterSlot& slot, StreamKey stream = kStream) {
    stub_.send(wire::RingScatter{stream, {slot}});
    const auto answer = stub_.expect<wire::RingScattered>();
    EXPECT_EQ(answer.stream, stream);
    EXPECT_EQ(answer.slots.size(), 1U);
    EXPECT_EQ(answer.slots[0].slot, slot.slot);
    EXPECT_EQ(answer.slots[0].chunk, slot.chunk);
    return answer.slots[0];
  }
  std::uint32_t n_chunks() const { return plan(wire::StreamRole::kSink).n_chunks; }

  std::vector<std::uint32_t> peer_ids_ = ids(20);
};

}  // namespace pegaflow::client::testing
