// Transport: ordered control messages and one-sided writes between two agents.
// One `Worker` is one side of one link and belongs to one thread; whoever destroys it has fenced
// the link: from then on no write of the peer can land (rc, tcp; docs/adr/0011 says which lanes
// are not fenced this way).
// Backends: ucx/ (production), loopback/ (deterministic twin for tests).
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "pegaflow/kv_layout.h"
#include "pegaflow/result.h"

namespace pegaflow::transport {

// Opaque bytes that travel in a record or in LINK. Backends wrap what the library gives them with
// magic, length, version and CRC32C, and refuse (kProtocol) what does not unwrap: UCX itself
// crashes on malformed addresses and rkeys.
using Blob = std::vector<std::byte>;

inline constexpr std::size_t kMaxMessageBytes = 1024;
inline constexpr std::size_t kPrepostedReceives = 128;
// Per worker: puts not complete locally, and flushes not reported.
inline constexpr std::size_t kMaxUnfinishedPuts = 512;
inline constexpr std::size_t kMaxUnfinishedFlushes = 512;
inline constexpr std::size_t kMaxBlobBytes = 64 * 1024;

struct ContextConfig {
  std::string tls = "tcp";  // UCX_TLS
  std::string net_devices;  // UCX_NET_DEVICES; empty: the library's choice
  std::uint32_t max_registrations = 64;
  // Further library settings, name without the UCX_ prefix → value; environment overrides them.
  std::vector<std::pair<std::string, std::string>> settings;
};

// A registered run of local memory. Outlives every put that names it; destroy before the context.
class LocalMemory {
 public:
  virtual ~LocalMemory() = default;
  virtual std::span<std::byte> bytes() const = 0;
  // What a peer needs to write here: address, length and rkey, wrapped.
  virtual Blob remote_key() const = 0;
};

// A peer's registered memory as one worker sees it. Destroyed on the worker's thread, before or
// after the worker: the worker's end takes the key out of it.
class RemoteMemory {
 public:
  virtual ~RemoteMemory() = default;
  virtual std::uint64_t size() const = 0;
};

// What a worker reports from progress(). Callbacks run inside progress(), on the owner thread;
// they may call send(), put() and flush(), and must not call progress() or destroy the worker.
class WorkerEvents {
 public:
  virtual ~WorkerEvents() = default;
  // `message` is valid during the call only; 1 … kMaxMessageBytes bytes. In order per link.
  virtual void on_message(std::span<const std::byte> message) = 0;
  // All puts posted before flush(token) are complete at the target, or `status` says why not.
  virtual void on_flushed(std::uint64_t token, const Status& status) = 0;
  // The connection is unusable (reset, peer gone, a put or a send failed). Called at most once;
  // every unfinished flush is reported as failed right after it, later sends fail.
  virtual void on_broken(const Error& error) = 0;
};

// How the data lane of a link was made, as the library tells it.
struct LaneInfo {
  // Transports that carry puts, e.g. {"tcp"}, {"rc_verbs"}.
  std::vector<std::string> rma;
  std::vector<std::string> control;  // transports of the other lanes (messages, wire-up)
  // Puts are messages that the peer's process copies into place: slow, and on UCX 1.13 all that
  // tcp and shared memory can do. False: real one-sided writes.
  bool emulated = false;
  std::string text;  // one line for the log: "rma tcp/eth0; am tcp/eth0"
};

// One side of one link. All calls on the owner thread, except wake().
class Worker {
 public:
  // Fences: destroys endpoint, rkeys, worker. Flushes not reported until then never are.
  virtual ~Worker() = default;

  virtual Blob address() const = 0;
  // Makes the endpoint to the peer's worker; once per worker. Sends may follow at once.
  virtual Status connect(const Blob& peer_address) = 0;
  virtual Result<std::unique_ptr<RemoteMemory>> unpack(const Blob& remote_key) = 0;

  // These three: kFailedPrecondition before connect(), kUnavailable once the link is broken.
  // Copies `message`. kResourceExhausted when kPrepostedReceives sends are unfinished locally.
  virtual Status send(std::span<const std::byte> message) = 0;
  // `from` lies in `local` and stays untouched until a flush posted later has been reported.
  // kInvalidArgument when it leaves `local` or `to`; kResourceExhausted at kMaxUnfinishedPuts.
  virtual Status put(std::span<const std::byte> from, const LocalMemory& local, RemoteMemory& to,
                     std::uint64_t offset) = 0;
  // Accepted: reports on_flushed(token, …) exactly once, from progress(), also when the link
  // breaks. Against a silent peer it may take for ever: set a deadline and destroy the worker.
  // kResourceExhausted at kMaxUnfinishedFlushes.
  virtual Status flush(std::uint64_t token) = 0;

  // Runs what is ready; returns how many steps it made (0: nothing to do now).
  virtual unsigned progress() = 0;
  // For epoll: readable when progress() may have work, after arm() said true. arm() false: there
  // is work now, call progress() again.
  virtual int event_fd() const = 0;
  virtual Result<bool> arm() = 0;
  virtual void wake() = 0;  // thread safe

  // Known once the wire-up is done, which a reported flush proves; kUnavailable before. So:
  // connect(), flush(), wait for on_flushed, lanes(). kInternal when the library's answer can't be
  // understood: refuse the link.
  virtual Result<LaneInfo> lanes() const = 0;
};

// One per process (UCX) or per simulated network (loopback). Thread safe unless said otherwise.
class Context {
 public:
  virtual ~Context() = default;
  virtual std::string_view name() const = 0;  // "ucx" or "loopback"
  virtual std::string version() const = 0;    // of the library, as loaded
  // `memory`: what it is; the library does not have to find out, and cannot be mistaken.
  virtual Result<std::unique_ptr<LocalMemory>> register_memory(std::span<std::byte> bytes,
                                                               MemoryKind memory) = 0;
  // `events` outlives the worker. The calling thread becomes its owner.
  virtual Result<std::unique_ptr<Worker>> make_worker(WorkerEvents& events) = 0;
};

Result<std::unique_ptr<Context>> make_ucx_context(const ContextConfig& config);

}  // namespace pegaflow::transport
