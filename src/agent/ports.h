// The seam of the agent. Above it: TransferService (transfer logic: offers, streams, slots,
// credits; no I/O, time injected). Below it: sessions with clients and links to other agents.
// Everything here runs on the agent's loop thread. A deterministic simulator can stand below, too.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/event_fd.h"
#include "base/strong_id.h"
#include "memory/region.h"
#include "pegaflow/kv_shape.h"
#include "pegaflow/result.h"
#include "pegaflow/transfer.h"
#include "wire/control.h"
#include "wire/ring.h"
#include "wire/setup.h"

namespace pegaflow::agent {

// How bytes travel on a link.
enum class DataPath : std::uint8_t {
  kDirect,  // mapped: P's client writes D's slot
  kAgent,   // mapped: P's client writes P's slot, P's agent copies it to D's slot
  kUcx,     // P's client writes P's slot, P's agent puts it to D's slot
};

// A pool of a local worker session.
struct LocalPool {
  PoolId id;  // unique in this agent's epoch; peers and clients name it
  std::string instance;
  KvShape shape;
  std::uint64_t shape_hash = 0;
  std::vector<std::string> reaches{};  // GPUs whose memory its engine's copies can write, by UUID
};

// A pool of an engine of the peer agent.
struct PeerPool {
  PoolId id;       // the peer's number: what control messages carry
  PoolId visible;  // this agent's number for it: what local clients know it by
  std::string instance;
  KvShape shape;
  std::uint64_t shape_hash = 0;
  WriterId writer;  // mapped links, at D: the engine's number in D's slot words; 0 otherwise
};

// A connected client.
class ClientPort {
 public:
  virtual ~ClientPort() = default;
  virtual SessionId id() const = 0;
  virtual wire::SessionKind kind() const = 0;
  virtual std::uint64_t incarnation() const = 0;
  virtual std::span<const LocalPool> pools() const = 0;
  // The client's number in the words of this agent's own slots.
  virtual WriterId writer() const = 0;
  // The id under which the client knows this agent's region `index`; none: control session.
  virtual std::optional<RegionId> own_region(std::uint16_t index) const = 0;
  // … the peer's region `index` of that link (kDirect links); none: not mapped (yet).
  virtual std::optional<RegionId> peer_region(LinkId link, std::uint16_t index) const = 0;
  // Makes sure the client was told of this peer pool (PEER set-up message) before send() names it.
  virtual void announce(const PeerPool& pool) = 0;
  // Queues behind a full ring up to a bound; beyond it the session is closed (→ on_client_lost).
  virtual void send(const wire::AgentMessage& message) = 0;
  // Whether the client understands LENT: it looks at words itself.
  virtual bool takes_lent() const { return false; }
  // Something will be sent within microseconds: the client should not sleep over it. A hint.
  virtual void expect() {}
};

// One direction of an allowed pair of nodes, up.
class LinkPort {
 public:
  virtual ~LinkPort() = default;
  virtual LinkId id() const = 0;  // stable over rebuilds
  virtual const std::string& peer() const = 0;
  virtual AgentEpoch peer_epoch() const = 0;
  virtual LinkIncarnation incarnation() const = 0;
  virtual bool we_are_source() const = 0;  // true: this agent is P
  virtual DataPath path() const = 0;       // the shortest that pools may take
  // At P: the way of what this pool's engine sends; none: the topology allows none of those there
  // are.
  virtual std::optional<DataPath> path_for(const LocalPool& /*pool*/) const { return path(); }
  virtual std::uint32_t window() const = 0;  // slots outstanding per stream
  virtual std::uint32_t chunk_bytes() const = 0;
  virtual bool integrity() const = 0;
  virtual std::span<const PeerPool> peer_pools() const = 0;

  // Non-state messages. Queued (bounded) while the window is shut; ABORT and QUIESCED may use the
  // reserve. A link whose window stays shut is reset below (→ on_link_down).
  virtual void send(const wire::ControlMessage& message) = 0;
  // For WANT, CREDIT and RETURN, which repeat state: build and send them only while this holds;
  // on_link_writable() says when it holds again.
  virtual bool window_open() const = 0;

  // At D: the writer that fills slots for this peer pool over this link (direct: the engine, if it
  // reaches them; agent, and otherwise: the peer agent; ucx: this link incarnation).
  virtual WriterId writer_for(PoolId peer_pool) const = 0;
  // At D: that writer is the engine itself; its agent has no hand in what it does with a slot.
  virtual bool engine_writes(PoolId /*peer_pool*/) const { return path() == DataPath::kDirect; }

  // At P, kUcx. The slot is in the peer's region `remote.region`. on_flushed(token) follows once.
  virtual Status put(std::uint16_t own_region, SlotIndex own_slot, std::uint32_t bytes,
                     const wire::RemoteSlot& remote) = 0;
  virtual Status flush(std::uint64_t token) = 0;
  // At P, kAgent: the peer's region, mapped here, and this agent's number in its words.
  virtual memory::MappedRegion* peer_region(std::uint16_t index) = 0;
  virtual WriterId own_writer() const = 0;
  // At P, kUcx: destroys the worker (the peer's too, by the socket's end) and rebuilds the link;
  // on_link_down() follows before this returns. At D: the same; no put lands afterwards.
  virtual void reset(const Error& why) = 0;
};

class ClientEvents {
 public:
  virtual ~ClientEvents() = default;
  virtual void on_client(ClientPort& client) = 0;
  virtual void on_pool(ClientPort& client, const LocalPool& pool) = 0;
  virtual void on_client_message(ClientPort& client, const wire::ClientMessage& message) = 0;
  // The connection ended (EOF, protocol error); `client` is invalid afterwards. Its process may
  // still be running kernels: see on_writer_gone.
  virtual void on_client_lost(ClientPort& client, const Error& why) = 0;
  // The mover's tick counter stood still for engine_tick / moves again.
  virtual void on_client_stalled(ClientPort& client) = 0;
  virtual void on_client_resumed(ClientPort& client) = 0;
};

class LinkEvents {
 public:
  virtual ~LinkEvents() = default;
  virtual void on_link_up(LinkPort& link) = 0;
  // Pools of the peer are gone with it; UCX: its worker is destroyed already (fenced).
  virtual void on_link_down(LinkPort& link, const Error& why) = 0;
  virtual void on_peer_pool(LinkPort& link, const PeerPool& pool) = 0;
  virtual void on_peer_pool_gone(LinkPort& link, const PeerPool& pool) = 0;
  virtual void on_control(LinkPort& link, const wire::ControlMessage& message) = 0;
  virtual void on_link_writable(LinkPort& link) = 0;
  virtual void on_flushed(LinkPort& link, std::uint64_t token, const Status& status) = 0;
  // Proof: this writer will never write again (process gone, worker destroyed). The number may be
  // given out anew afterwards.
  virtual void on_writer_gone(WriterId writer) = 0;
};

// Copies one of this agent's slots to a mapped peer's slot, on a thread of its own: claims the
// target's word, copies, completes the header, sets FILLED. on_copied() is called on the loop
// thread.
struct CopyJob {
  std::span<const std::byte> from;
  std::span<std::byte> to;
  memory::SlotHeader header;  // written to the target's header before FILLED
  memory::SlotHeader* to_header = nullptr;
  std::atomic<std::uint64_t>* to_word = nullptr;
  const EventFd* bell = nullptr;  // of the target's region
  std::uint64_t loaned_word = 0, claimed_word = 0, filled_word = 0;
  std::uint64_t token = 0;
};
// kRevoked: the claim lost; kFailed: the GPU is lost, and the target's word stays CLAIMED.
enum class CopyOutcome : std::uint8_t { kCopied, kRevoked, kFailed };
class CopyEvents {
 public:
  virtual ~CopyEvents() = default;
  virtual void on_copied(std::uint64_t token, CopyOutcome outcome, Nanos took) = 0;
};
class Copier {
 public:
  virtual ~Copier() = default;
  // Jobs will come within microseconds. A hint.
  virtual void expect() {}
  // Bounded by the slots of the regions, so it never refuses.
  virtual void submit(const CopyJob& job) = 0;
};

}  // namespace pegaflow::agent
