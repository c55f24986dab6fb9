#include "agent/writer_table.h"

#include <sys/epoll.h>

#include <string>
#include <utility>

#include "base/check.h"

namespace pegaflow::agent {

Result<WriterId> WriterTable::free_number() {
  constexpr std::uint16_t kMax = 0xFFFF;
  if (writers_.size() >= kMax) {
    return Error(Code::kResourceExhausted,
                 "all " + std::to_string(kMax) + " writer numbers are in use");
  }
  // Round robin, so that a number rests as long as possible.
  do {
    last_ = last_ == kMax ? std::uint16_t{1} : static_cast<std::uint16_t>(last_ + 1);
  } while (writers_.contains(WriterId{last_}));
  return WriterId{last_};
}

Result<WriterId> WriterTable::add_process(UniqueFd pidfd, Nanos after_exit) {
  PEGAFLOW_ASSIGN(const WriterId id, free_number());
  PEGAFLOW_ASSIGN(auto watch, loop_.watch(pidfd.get(), EPOLLIN, [this, id](auto) { exited(id); }));
  writers_.emplace(id, Writer{std::move(pidfd), after_exit, std::move(watch), nullptr});
  return id;
}

Result<WriterId> WriterTable::add() {
  PEGAFLOW_ASSIGN(const WriterId id, free_number());
  writers_.emplace(id, Writer{});
  return id;
}

void WriterTable::set_teardown(WriterId writer, Nanos after_exit) {
  const auto found = writers_.find(writer);
  if (found != writers_.end()) found->second.after_exit = after_exit;
}

void WriterTable::exited(WriterId writer) {
  Writer& entry = writers_.at(writer);
  entry.watch.reset();
  if (entry.after_exit == Nanos(0)) return ended(writer);
  entry.teardown = std::make_unique<Timer>(loop_.timers(), [this, writer] { ended(writer); });
  entry.teardown->arm(loop_.now() + entry.after_exit);
}

void WriterTable::ended(WriterId writer) {
  const auto found = writers_.find(writer);
  PEGAFLOW_CHECK(found != writers_.end());
  writers_.erase(found);
  on_gone_(writer);
}

}  // namespace pegaflow::agent
