// What the agent's status tells of the transfer logic. Values.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/strong_id.h"
#include "core/slot_table.h"
#include "pegaflow/key.h"

namespace pegaflow::agent {

struct TransferInfo {
  StreamKey stream{};
  Key key;
  bool source = false;
  std::string peer;
  std::string state;
  std::uint32_t chunks_done = 0, chunks_total = 0;
  Nanos age{};
};

struct RegionInfo {
  std::string name;
  core::StateCounts slots{};  // indexed by SlotState
};

struct TransferSnapshot {
  std::vector<RegionInfo> regions;
  std::vector<TransferInfo> transfers;
  std::uint32_t offers = 0;
  std::uint32_t receives = 0;
};

}  // namespace pegaflow::agent
