// ConsumerTally: which readers of an offer have all their data. Pure; not thread safe.
//
// A reader is a sink rank. One that tries again replaces its earlier attempt, so that "all readers
// have left" never counts one of them twice.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/strong_id.h"
#include "pegaflow/kv_shape.h"

namespace pegaflow::client {

class ConsumerTally {
 public:
  // A stream to this reader began; its instance reads this offer in `expected` streams.
  void began(const std::string& instance, const Rank& rank, StreamKey stream,
             std::uint32_t expected);
  // Every chunk of the stream has left the blocks. False: a newer attempt has replaced it.
  bool left(StreamKey stream);
  // All readers of one instance and dp rank have left.
  bool complete() const;

 private:
  struct Reader {
    std::string instance;
    Rank rank;
    StreamKey stream{};
    std::uint32_t expected = 0;
    bool left = false;
  };
  static bool same_replica(const Reader& a, const Reader& b);
  std::vector<Reader> readers_;
};

}  // namespace pegaflow::client
