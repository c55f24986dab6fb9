// Credits: which stream gets the next free slot (PROTOCOL.md's rules C1, C2 in
// docs/formats/wire.md). C1  Ready pulls: a stream may hold `window` credits for chunks that are
// ready at the source;
//     slots go round robin to streams with ready > credited.
//     With most of its window out, a stream gets the next ones a quarter of a window at a time:
//     every hand-out is a message.
// C2  Eager credits may be ahead of ready: up to a window for a stream, but in all no more than
//     leave a window free; and half of those are kept for streams that have none yet. So streams
//     whose source never becomes ready can't starve the others.
// Pure bookkeeping by count; which slot it is, is the caller's. No allocation after add().
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "base/strong_id.h"

namespace pegaflow::core {

using CreditStream = std::uint32_t;  // dense index given by add()

class Credits {
 public:
  // `max_streams`: capacity; `slots`: of the region; `max_window`: the largest window of any
  // stream, which eager credits in all leave free.
  Credits(std::uint32_t max_streams, std::uint32_t slots, std::uint32_t max_window);

  // A stream joins. REQUIRES fewer than max_streams. `total` chunks, at most `window` out at once.
  CreditStream add(std::uint32_t total, std::uint32_t window);
  // It leaves; credits still out no longer count for it.
  void remove(CreditStream stream);
  bool full() const { return unused_.empty(); }

  // May this stream have one more eager credit now? Then count it as out.
  bool take_eager(CreditStream stream);
  // The source has `ready` chunks ready in all (may shrink after a rewind).
  void set_ready(CreditStream stream, std::uint32_t ready);
  // The stream that gets the next slot, counted as out; none: nobody wants one.
  std::optional<CreditStream> next();
  // One credit came back filled / unspent.
  void filled(CreditStream stream);
  void returned(CreditStream stream);

  std::uint32_t out(CreditStream stream) const { return at(stream).out; }
  std::uint32_t ready(CreditStream stream) const { return at(stream).ready; }
  std::uint32_t received(CreditStream stream) const { return at(stream).received; }
  // Credits out for chunks that are ready: the source owes these (timer `progress`).
  std::uint32_t owed(CreditStream stream) const;
  // Some stream has ready chunks and could take a slot: the region is too small right now.
  bool starving() const;
  // How many credits are out that no ready data is there for: they may be recalled.
  std::uint32_t eager(CreditStream stream) const { return ahead(at(stream)); }
  std::uint32_t eager_out() const;  // of all streams

 private:
  struct Stream {
    std::uint32_t total = 0, window = 0;
    std::uint32_t ready = 0, received = 0, out = 0;
    bool filling = false;  // its window is being filled up
  };
  const Stream& at(CreditStream stream) const { return streams_[stream]; }
  static bool wants(const Stream& stream);
  static std::uint32_t ahead(const Stream& stream);

  std::vector<Stream> streams_;
  std::vector<CreditStream> unused_;
  std::vector<CreditStream> active_;  // the used ones, in no particular order
  std::uint32_t turn_ = 0;            // index into active_
  std::uint32_t max_eager_;
};

}  // namespace pegaflow::core
