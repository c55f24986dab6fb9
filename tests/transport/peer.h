// The other end of a link under test, in a thread or in a process of its own, driven command by
// command over a socket. serve_peer() is what runs there.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "base/seqpacket.h"
#include "side.h"

namespace pegaflow::transport::testing {

enum class Command : std::uint32_t {
  kMakeWorker,     // → address
  kTargetKey,      // → the remote key of a freshly registered target
  kConnect,        // address
  kUnpack,         // remote key
  kSend,           // a messages
  kFlush,          // → 1 when it was reported OK
  kPutFlush,       // seed a, offset b, size c; → 1 when the flush was reported OK
  kPutFlushSend,   // the same with a message from the flush callback; answers at once
  kHasPattern,     // seed a, offset b, size c of its target → 0 or 1
  kAwaitMessages,  // a in all → how many were corrupt
  kAwaitBroken,
  kEcho,   // a: 0 or 1
  kSleep,  // runs nothing but commands until kWakeUp
  kWakeUp,
  kPutForever,  // keeps putting its source to offset 0, size a
  kPutsTried,   // → how many puts kPutForever has posted; all ones once they are refused
  kDestroyWorker,
  kExit,
};

struct Answer {
  std::string error;  // empty: it went well
  std::uint64_t value = 0;
  Blob blob;
};

void serve_peer(SeqpacketSocket control, std::unique_ptr<Context> context,
                const MakeArea& make_area = make_host_area);

class Peer {
 public:
  explicit Peer(SeqpacketSocket control) : control_(std::move(control)) {}
  virtual ~Peer() = default;
  Peer(const Peer&) = delete;
  Peer& operator=(const Peer&) = delete;

  // Asks and waits for the answer while `side` runs. A failure is in Answer::error.
  Answer call(Side& side, Command command, std::uint64_t a = 0, std::uint64_t b = 0,
              std::uint64_t c = 0, const Blob& blob = {});
  // The halves of call(); one command at a time.
  void ask(Command command, std::uint64_t a = 0, std::uint64_t b = 0, std::uint64_t c = 0,
           const Blob& blob = {});
  Answer await_answer(Side& side);

  virtual bool can_be_killed() const { return false; }
  virtual void kill() {}  // SIGKILL, and its remains are gone when this returns

 protected:
  void say_goodbye();

 private:
  SeqpacketSocket control_;
};

}  // namespace pegaflow::transport::testing
