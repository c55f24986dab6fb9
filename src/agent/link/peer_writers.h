// PeerWriters: at D of a mapped link, the numbers of the peer's processes in this agent's slot
// words. They belong to processes, not to incarnations of the link: a link may come and go while
// an engine still runs a kernel.
#pragma once

#include <cstdint>
#include <map>
#include <optional>

#include "agent/writer_table.h"
#include "base/strong_id.h"
#include "base/unique_fd.h"
#include "pegaflow/result.h"

namespace pegaflow::agent {

class PeerWriters {
 public:
  explicit PeerWriters(WriterTable& table) : table_(table) {}

  // The number of the process with this random name (an agent's epoch, an engine's incarnation);
  // a new one when it has none. `pidfd` is its process.
  Result<WriterId> number_of(std::uint64_t process, UniqueFd pidfd, Nanos after_exit);
  void gone(WriterId writer);

 private:
  WriterTable& table_;
  std::map<std::uint64_t, WriterId> numbers_;
};

inline Result<WriterId> PeerWriters::number_of(std::uint64_t process, UniqueFd pidfd,
                                               Nanos after_exit) {
  const auto known = numbers_.find(process);
  if (known != numbers_.end()) return known->second;
  PEGAFLOW_ASSIGN(const WriterId writer, table_.add_process(std::move(pidfd), after_exit));
  numbers_.emplace(process, writer);
  return writer;
}

inline void PeerWriters::gone(WriterId writer) {
  std::erase_if(numbers_, [writer](const auto& entry) { return entry.second == writer; });
}

}  // namespace pegaflow::agent
