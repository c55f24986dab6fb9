// Landing: at D, where UCX's cuda_ipc puts to. It takes only memory of the older kind, which no
// engine maps (the death of its owner would cost the engines their contexts), so chunks land in a
// twin of the region and are copied into their slots on the GPU before anybody hears of them.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "agent/link/registered_regions.h"
#include "base/bounded_queue.h"
#include "memory/slot_copier.h"
#include "pegaflow/result.h"
#include "wire/control.h"

namespace pegaflow::agent {

// Of one incarnation of a link; on the loop's thread. The end of it waits for the copies that run.
class Landing {
 public:
  // `max_messages`: CHUNKs that may wait. `registered` outlives this.
  static Result<std::unique_ptr<Landing>> create(const RegisteredRegions& registered,
                                                 std::size_t max_messages);

  // A CHUNK has come: starts its copies. Slots that do not exist are left to whoever judges the
  // message. kResourceExhausted: more at once than the region has slots.
  Status arrived(const wire::Chunk& chunk);
  // Whether the oldest CHUNK not taken has all its bytes in its slots. kSystem: the GPU is lost.
  Result<bool> oldest_is_there();
  // REQUIRES: oldest_is_there() said true.
  void take_oldest();
  bool busy() const { return !messages_.empty(); }

 private:
  struct Copies {
    std::unique_ptr<memory::SlotCopier> copier;  // null: the region has no landing
    std::uint64_t started = 0, ended = 0;
  };
  // The message's copies have ended when so many of its region have.
  struct Waiting {
    std::uint16_t region = 0;
    std::uint64_t copies = 0;
  };
  Landing(const RegisteredRegions& registered, std::size_t max_messages)
      : registered_(registered), messages_(max_messages) {}
  bool start(std::uint16_t region, const wire::ChunkRecord& record);

  const RegisteredRegions& registered_;
  std::vector<Copies> regions_;
  FixedFifo<Waiting> messages_;
};

}  // namespace pegaflow::agent
