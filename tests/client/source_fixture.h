// The producing side of a session, with an agent that hands out credits and takes what is gathered.
#pragma once

#include <vector>

#include "core/gather.h"
#include "tests/client/session_fixture.h"

namespace pegaflow::client::testing {

class SourceTest : public SessionTest {
 protected:
  using SessionTest::SessionTest;

  static constexpr StreamKey kStream{XferId{1}, StreamId{1}};

  void open(const Key& key, StreamKey stream = kStream, std::uint32_t streams = 1) {
    stub_.send(stream_message(wire::StreamRole::kSource, key, 0, stream, streams));
  }
  wire::SlotRef credit(std::uint32_t slot, StreamKey stream = kStream,
                       RegionId region = kOwnRegion) {
    const wire::SlotRef lent = stub_.lend(region, slot);
    stub_.send(wire::RingCredit{stream, {lent}});
    return lent;
  }
  // Scatters what was gathered into the peer's pool.
  void deliver(const wire::GatheredSlot& gathered) {
    auto& region = stub_.region(gathered.slot.region);
    const std::vector<core::TableView> tables(model_.size(), {peer_ids_, 0});
    const core::StreamPlan the_plan = plan(wire::StreamRole::kSource);
    const auto header = region.control().read_header(gathered.slot.slot);
    EXPECT_EQ(header.chunk, gathered.chunk.value);
    EXPECT_EQ(header.bytes, core::cell(the_plan, gathered.chunk).bytes);
    EXPECT_EQ(core::scatter_crc(the_plan, gathered.chunk, peer_pool_.layout(), tables,
                                region.slot(gathered.slot.slot)),
              header.checksum);
  }
  // Lends slots one after the other until `chunks` chunks are delivered.
  void pull(std::uint32_t chunks, StreamKey stream = kStream) {
    for (std::uint32_t i = 0; i < chunks; ++i) {
      credit(i % 16, stream);
      const auto gathered = stub_.expect_past_ready<wire::RingGathered>();
      EXPECT_EQ(gathered.stream, stream);
      ASSERT_EQ(gathered.slots.size(), 1U);
      EXPECT_FALSE(gathered.slots[0].voided);
      EXPECT_EQ(stub_.word(gathered.slots[0].slot).state, core::SlotState::kFilled);
      deliver(gathered.slots[0]);
    }
  }
  void fill_pool() {
    for (std::uint32_t group = 0; group < model_.size(); ++group) {
      own_pool_.fill(kSeed, group, 0, kTokens, ids());
    }
  }
  std::uint32_t n_chunks() const { return plan(wire::StreamRole::kSource).n_chunks; }

  std::vector<std::uint32_t> peer_ids_ = ids(20);
};

}  // namespace pegaflow::client::testing
