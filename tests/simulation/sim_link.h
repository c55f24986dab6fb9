// SimLink: the connection of a source agent with a sink agent: real control channels over a wire
// that may lose, repeat, swap, damage and delay, puts that land late, and two ends that notice
// each other's end at different times.
#pragma once

#include <deque>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "agent/control_channel.h"
#include "agent/link/heartbeat.h"
#include "tests/simulation/sim_agent.h"

namespace pegaflow::simulation {

class SimLink;
using Packet = std::vector<std::byte>;

enum class EndState : std::uint8_t { kDown, kOpening, kUp };

struct LinkOptions {
  agent::DataPath path{};
  std::uint32_t window = 4;
  std::uint32_t chunk_bytes = kSlotBytes;
};

// One agent's port.
class LinkEnd final : public agent::LinkPort {
 public:
  LinkEnd(SimLink& link, bool is_source) : link_(link), source_(is_source) {}
  LinkId id() const override;
  const std::string& peer() const override { return other_agent().name; }
  AgentEpoch peer_epoch() const override { return other_agent().epoch; }
  LinkIncarnation incarnation() const override;
  bool we_are_source() const override { return source_; }
  agent::DataPath path() const override;
  std::uint32_t window() const override;
  std::uint32_t chunk_bytes() const override;
  bool integrity() const override { return false; }
  std::span<const agent::PeerPool> peer_pools() const override { return pools_; }
  void send(const wire::ControlMessage& message) override;
  bool window_open() const override;
  WriterId writer_for(PoolId peer_pool) const override;
  Status put(std::uint16_t own_region, SlotIndex own_slot, std::uint32_t bytes,
             const wire::RemoteSlot& remote) override;
  Status flush(std::uint64_t token) override;
  memory::MappedRegion* peer_region(std::uint16_t index) override;
  WriterId own_writer() const override;
  void reset(const Error& why) override { go_down(why); }

  SimAgent& agent() const;
  SimAgent& other_agent() const;
  LinkEnd& other() const;

  void open();  // the channel; go_up() makes the port usable
  void go_up();
  void go_down(const Error& why);
  void vanish();  // with its process
  bool pools_differ() const;
  void sync_pools();
  // The next message, if it may be heard already. False: nothing to do.
  bool deliver_one();
  bool can_deliver() const;
  void heartbeat();

  EndState state = EndState::kDown;
  std::deque<Packet> arriving;
  bool eof = false;     // the other end is gone, not noticed yet
  bool broken = false;  // to go down at the next occasion

 private:
  bool grant_waits(const wire::ControlMessage& message) const;
  void hear(const wire::ControlMessage& message);
  void map_regions();
  void arrives(std::span<const std::byte> packet);
  void note_credits(const wire::ControlMessage& message);
  const SimSession* find_pool(const agent::PeerPool& pool) const;

  SimLink& link_;
  const bool source_;
  std::vector<agent::PeerPool> pools_;
  std::map<PoolId, WriterId> told_;  // at the source: what the sink calls the owners of its pools
  std::unique_ptr<agent::ControlChannel> channel_;
  Packet first_, former_first_;  // to arrive here: of this incarnation, of the one before
  std::unique_ptr<agent::Heartbeat> heartbeat_;
  std::deque<wire::ControlMessage> inbound_;  // taken off the channel, not heard yet
  mutable bool window_wanted_ = false;
  friend class SimLink;
};

class SimLink {
 public:
  SimLink(Shared& what_is_shared, std::uint16_t number, SimAgent& source, SimAgent& sink,
          const LinkOptions& link_options)

      : shared(what_is_shared),
        options(link_options),
        p_end(*this, true),
        d_end(*this, false),
        p(source),
        d(sink),
        number_(number) {}

  struct Put {
    SimRegion* from = nullptr;
    SlotIndex own_slot;
    SimRegion* to = nullptr;  // none: its worker is gone, it lands nowhere
    SlotIndex slot;
    std::uint32_t bytes = 0;
    std::uint64_t read = 0;              // in the ledger
    std::uint64_t flush = 0;             // the flush that covers it; 0: none yet
    std::vector<std::byte> on_the_wire;  // the source's worker is gone, these bytes may still land
  };

  bool can_connect() const;
  void connect();
  // What each end had sent first in the incarnation before comes again, where the first message
  // of this one is expected: only the incarnation tells them apart.
  void bring_back_former();
  // One put lands, whichever.
  bool land_one();
  bool report_flush();
  bool can_report_flush() const;
  void drop_puts();      // the sink's worker is gone: nothing lands any more
  void send_off_puts();  // the source's worker is gone: what is not on the wire never will be
  std::uint16_t number() const { return number_; }

  Shared& shared;
  const LinkOptions options;
  LinkEnd p_end, d_end;
  SimAgent &p, &d;
  LinkIncarnation incarnation{0};
  // Of this incarnation.
  WriterId link_writer;              // kUcx, while the sink's end is not down
  WriterId agent_writer;             // kAgent: the source agent in the words of …
  SimRegion* sink_region = nullptr;  // … this region
  std::vector<Put> puts;
  std::deque<std::uint64_t> flushes;
  std::vector<Packet> strays;  // packets of any incarnation that went astray

 private:
  bool flush_done(std::uint64_t token) const;
  const std::uint16_t number_;
  friend class LinkEnd;
};

}  // namespace pegaflow::simulation
