// ChunkSet: which chunks of a stream something has happened to.
#pragma once

#include <cstdint>
#include <vector>

#include "base/strong_id.h"

namespace pegaflow::agent {

class ChunkSet {
 public:
  void reset(std::uint32_t chunks) {
    marks_.assign(chunks, false);
    count_ = 0;
  }
  bool in_range(ChunkIndex chunk) const { return chunk.value < marks_.size(); }
  bool contains(ChunkIndex chunk) const { return marks_[chunk.value]; }
  // False: it was in already. REQUIRES in_range.
  bool insert(ChunkIndex chunk) {
    if (marks_[chunk.value]) return false;
    marks_[chunk.value] = true;
    ++count_;
    return true;
  }
  std::uint32_t count() const { return count_; }
  bool complete() const { return count_ == marks_.size(); }

 private:
  std::vector<bool> marks_;
  std::uint32_t count_ = 0;
};

}  // namespace pegaflow::agent
