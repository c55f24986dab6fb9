// The simulated network itself: ports, registered regions, and what moves between them. Thread
// safe; each call is one critical section, so that destroying a worker or a region is a fence.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <span>

#include "pegaflow/result.h"
#include "transport/loopback/port.h"

namespace pegaflow::transport {

class Fabric {
 public:
  // With a seed nothing moves but by step(), which draws the order from it.
  explicit Fabric(std::optional<std::uint64_t> seed) : stepped_(seed), random_(seed.value_or(0)) {}
  ~Fabric();
  Fabric(const Fabric&) = delete;
  Fabric& operator=(const Fabric&) = delete;

  Result<Port*> add_port();
  void remove_port(Port& port);
  // Never fails at once: a peer that is not there breaks the link, as it does in UCX.
  void link(Port& port, PortId peer);
  RegionKey add_region(std::span<std::byte> bytes);
  void remove_region(RegionKey region);

  Status send(Port& port, std::span<const std::byte> message);
  Status post(Port& port, const RmaOperation& operation);

  // What progress() does for `port`: moves what may move without a step(), then takes what came.
  unsigned pump(Port& port);
  std::size_t arrived(Port& port);
  std::span<const std::byte> take_message(Port& port, LoopbackMessage& into);
  const char* take_break(Port& port);                       // null: none, or taken before
  std::optional<std::uint64_t> take_flushed(Port& port);    // none once the link is broken
  std::optional<std::uint64_t> take_unflushed(Port& port);  // of a broken link
  bool has_work(Port& port);

  // Hooks.
  void break_link(Port& port);
  void hold_puts(Port& port, bool held);
  bool step();

 private:
  Port* find(PortId id);
  bool can_move_message(const Port& from);
  bool can_move_rma(const Port& from) const;
  void move_message(Port& from);
  void move_rma(Port& from);
  void land(Port& from, const RmaOperation& put);
  void mark_broken(Port& port, const char* why);
  void mark_both_broken(Port& port, const char* why);
  std::uint64_t draw(std::uint64_t bound);

  const std::optional<std::uint64_t> stepped_;
  std::mutex mutex_;  // guards all below
  std::uint64_t random_;
  std::uint64_t last_id_ = 0;
  std::map<PortId, std::unique_ptr<Port>> ports_;
  std::map<RegionKey, std::span<std::byte>> regions_;
};

}  // namespace pegaflow::transport
