#include "client/consumer_tally.h"

#include <algorithm>

namespace pegaflow::client {

bool ConsumerTally::same_replica(const Reader& a, const Reader& b) {
  return a.rank.dp == b.rank.dp && a.instance == b.instance;
}

void ConsumerTally::began(const std::string& instance, const Rank& rank, StreamKey stream,
                          std::uint32_t expected) {
  const Reader reader{instance, rank, stream, expected, false};
  const auto same = std::find_if(readers_.begin(), readers_.end(), [&](const Reader& other) {
    return same_replica(other, reader) && other.rank.pp == rank.pp && other.rank.tp == rank.tp;
  });
  if (same == readers_.end()) {
    readers_.push_back(reader);
  } else {
    *same = reader;
  }
}

bool ConsumerTally::left(StreamKey stream) {
  const auto found = std::find_if(readers_.begin(), readers_.end(),
                                  [&](const Reader& reader) { return reader.stream == stream; });
  if (found == readers_.end()) return false;
  found->left = true;
  return true;
}

bool ConsumerTally::complete() const {
  return std::any_of(readers_.begin(), readers_.end(), [this](const Reader& one) {
    const auto left = std::count_if(readers_.begin(), readers_.end(), [&](const Reader& other) {
      return same_replica(one, other) && other.left;
    });
    return static_cast<std::uint64_t>(left) >= one.expected;
  });
}

}  // namespace pegaflow::client
