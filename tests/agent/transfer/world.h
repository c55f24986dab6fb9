// World: two TransferServices, one producing (P) and one consuming (D), over a link, clients and a
// copier that stand still until a test (or a random number) lets one of them go on. Slots are real
// shared memory; time is a fake clock. Everything below the seam of agent/ports.h is played here.
#pragma once

#include <deque>
#include <map>
#include <memory>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "agent/transfer/transfer_service.h"
#include "tests/agent/transfer/quiet_probe.h"

namespace pegaflow::agent {

inline constexpr std::uint32_t kSlotBytes = 4096;

struct WorldOptions {
  DataPath path = DataPath::kDirect;
  std::uint32_t slots = 16;  // of each side
  std::uint32_t window = 4;
  std::uint32_t layers = 4;
  std::optional<DataPath> pools_path{};  // of P's pool, where it differs from the link's
  bool no_path = false;                  // that the topology allows
  std::uint32_t sink_ranks = 1;          // of D's instance; each reads everything, one is here
  bool looks = false;                    // D's client looks at the words of lent slots
};

class World;

// One direction of control messages, in order.
class FakeLink final : public LinkPort {
 public:
  FakeLink(World& world, bool source) : world_(world), source_(source) {}
  LinkId id() const override { return LinkId{1}; }
  const std::string& peer() const override { return peer_; }
  AgentEpoch peer_epoch() const override { return AgentEpoch{source_ ? 2U : 1U}; }
  LinkIncarnation incarnation() const override { return LinkIncarnation{1}; }
  bool we_are_source() const override { return source_; }
  DataPath path() const override;
  std::optional<DataPath> path_for(const LocalPool&) const override;
  std::uint32_t window() const override;
  std::uint32_t chunk_bytes() const override { return kSlotBytes; }
  bool integrity() const override { return false; }
  std::span<const PeerPool> peer_pools() const override { return pools; }
  void send(const wire::ControlMessage& message) override { out.push_back(message); }
  bool window_open() const override { return open; }
  WriterId writer_for(PoolId) const override { return writer; }
  bool engine_writes(PoolId) const override;
  Status put(std::uint16_t own_region, SlotIndex own_slot, std::uint32_t bytes,
             const wire::RemoteSlot& remote) override;
  Status flush(std::uint64_t token) override;
  memory::MappedRegion* peer_region(std::uint16_t index) override;
  WriterId own_writer() const override { return WriterId{50}; }
  void reset(const Error&) override { reset_asked = true; }

  std::deque<wire::ControlMessage> out;
  std::vector<PeerPool> pools;
  WriterId writer{50};
  bool open = true;
  bool reset_asked = false;

 private:
  World& world_;
  bool source_;
  std::string peer_ = source_ ? "decode-0" : "prefill-0";
};

// What an engine's client does, one small step at a time.
class FakeClient final : public ClientPort {
 public:
  FakeClient(World& world, SessionId id, bool source);
  SessionId id() const override { return id_; }
  wire::SessionKind kind() const override { return wire::SessionKind::kWorker; }
  std::uint64_t incarnation() const override { return 1000U + id_.value; }
  std::span<const LocalPool> pools() const override { return {&pool, 1}; }
  WriterId writer() const override { return WriterId{id_.value}; }
  std::optional<RegionId> own_region(std::uint16_t) const override { return RegionId{1}; }
  std::optional<RegionId> peer_region(LinkId, std::uint16_t) const override { return RegionId{2}; }
  void announce(const PeerPool&) override {}
  void send(const wire::AgentMessage& message) override { inbox.push_back(message); }
  void expect() override { ++told_awake; }
  bool takes_lent() const override;

  // ---- producing
  void offer(const Key& key, std::uint32_t n_tokens, ContentHash content = {});
  void set_ready(std::uint32_t chunks);  // of every stream, at most its total
  bool claim_one();                      // a ready chunk into a credited slot
  bool fill_one();
  // ---- consuming
  std::uint64_t receive(const Key& key, std::uint32_t n_tokens, ContentHash content = {});
  void intend(const Key& key, std::uint32_t n_tokens, ContentHash content = {});
  void cancel(std::uint64_t handle);
  bool scatter_one(bool ok = true);
  // A filled slot that LENT named, without waiting for SCATTER.
  bool scatter_lent_one();

  bool take_message();  // handles the next message of the agent; false: none
  void tell(const wire::ClientMessage& message);

  struct Work {
    StreamKey stream;
    wire::SlotRef slot;
    ChunkIndex chunk;
  };
  struct Stream {
    wire::RingStream start;
    std::uint32_t total = 0, ready = 0;
    std::set<std::uint32_t> begun;
    std::vector<wire::SlotRef> credits;
  };
  std::deque<wire::AgentMessage> inbox;
  int told_awake = 0;  // how often it was told to be awake
  std::map<StreamKey, Stream> streams;
  std::vector<Work> claimed, scatters;
  std::vector<Work> lent;                  // without chunks: slots to be looked at
  std::vector<wire::SlotRef> begun_early;  // and not told of yet
  std::vector<wire::RingResult> results;
  std::vector<wire::RingResult> offered;                      // of receives: a step, not an end
  std::map<std::uint64_t, std::set<std::uint32_t>> verified;  // handle → chunks
  LocalPool pool;
  std::uint32_t wrong_bytes = 0;
  std::uint32_t ready = 0;
  std::uint32_t compute_ms = 0;  // of what it receives

 private:
  memory::RegionMemory& region(RegionId id);
  World& world_;
  SessionId id_;
  bool source_;
  std::uint64_t next_handle_ = 1;
};

class FakeCopier final : public Copier {
 public:
  void submit(const CopyJob& job) override { jobs.push_back(job); }
  std::deque<CopyJob> jobs;
};

class World {
 public:
  explicit World(const WorldOptions& options);

  // One thing that can happen now happens, chosen by `random`; false: nothing can.
  bool step(std::mt19937& random);
  // Everything that can happen without time passing.
  void settle();
  void settle_but_for_scatters();
  void advance(Nanos by);
  std::uint32_t slots(const TransferService& service, core::SlotState state) const;
  std::uint32_t free_slots(const TransferService& service) const {
    return slots(service, core::SlotState::kFree);
  }
  bool deliver(FakeLink& from, FakeLink& to, TransferService& service);
  bool complete_flush(bool ok = true);
  bool copy_one();
  void link_down();  // both ends, as the layer below would
  static std::byte pattern(const StreamKey& stream, ChunkIndex chunk);

  WorldOptions options;
  FakeClock clock;
  memory::Region p_region, d_region;
  memory::MappedRegion d_mapped;
  QuietProbe p_probe, d_probe;
  FakeCopier copier;
  FakeLink p_link{*this, true}, d_link{*this, false};
  FakeClient p_client, d_client;
  std::unique_ptr<TransferService> p, d;
  struct Put {
    SlotIndex from, to;
    std::uint32_t bytes;
  };
  std::deque<Put> puts;
  std::deque<std::pair<std::uint64_t, std::size_t>> flushes;  // token, puts it covers
  bool up = true;

 private:
  bool step(std::mt19937& random, bool scatters);
  void settle(bool scatters);
};

}  // namespace pegaflow::agent
