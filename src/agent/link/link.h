// Link: one allowed pair of nodes, over all its incarnations: the port that the upper half uses.
// link.cc has the port and the states, link_set_up.cc the way up (LINK, wire-up, regions),
// link_pools.cc the pools of both ends, link_traffic.cc what flows once the endpoint is there.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>

#include "agent/link/connection.h"
#include "agent/link/environment.h"
#include "agent/link/peer_writers.h"
#include "agent/link/terms.h"
#include "agent/ports.h"
#include "base/socket_address.h"
#include "metrics/probes.h"

namespace pegaflow::agent {

enum class LinkState : std::uint8_t {
  kDown,     // will be tried again
  kOpening,  // LINK, wire-up, regions
  kUp,
  kRefused,  // until somebody changes a file; tried again seldom
};
std::string_view to_string(LinkState state);

// For status pages.
struct LinkStatus {
  std::string peer;
  bool we_are_source = false;
  LinkState state = LinkState::kDown;
  std::string transport;  // while up
  std::string reason;     // why it is not up
  DataPath path{};
  AgentEpoch peer_epoch;
  LinkIncarnation incarnation;
  std::uint32_t peer_pools = 0;
  std::uint32_t unacknowledged = 0, queued = 0;
  std::uint64_t bytes_per_second = 0;  // as last measured; 0: never
  Nanos round_trip{};
};

// All calls on the loop thread.
class Link final : public LinkPort, private transport::WorkerEvents {
 public:
  // `dial`: where P listens; used at D only. References outlive the link.
  Link(LinkEnvironment& environment, LinkTerms terms, std::optional<SocketAddress> dial,
       metrics::LinkProbe& probe);
  ~Link() override;  // without events

  // ---- LinkPort
  LinkId id() const override { return terms_.id; }
  const std::string& peer() const override { return terms_.peer(); }
  AgentEpoch peer_epoch() const override;
  LinkIncarnation incarnation() const override;
  bool we_are_source() const override { return terms_.we_are_source; }
  DataPath path() const override { return terms_.path; }
  std::optional<DataPath> path_for(const LocalPool& pool) const override {
    return terms_.path_for(pool.reaches);
  }
  std::uint32_t window() const override { return terms_.window; }
  std::uint32_t chunk_bytes() const override { return terms_.chunk_bytes; }
  bool integrity() const override { return terms_.integrity; }
  std::span<const PeerPool> peer_pools() const override;
  void send(const wire::ControlMessage& message) override;
  bool window_open() const override;
  WriterId writer_for(PoolId peer_pool) const override;
  bool engine_writes(PoolId peer_pool) const override;
  Status put(std::uint16_t own_region, SlotIndex own_slot, std::uint32_t bytes,
             const wire::RemoteSlot& remote) override;
  Status flush(std::uint64_t token) override;
  memory::MappedRegion* peer_region(std::uint16_t index) override;
  WriterId own_writer() const override;
  void reset(const Error& why) override;

  // ---- coming up
  void dial();  // D: now, if it is not up or opening
  // P: a connection whose LINK names this link.
  void accept(FrameSocket socket, const wire::Link& link);
  // For good: says why to the peer, and never dials again.
  void stop(const Error& why);
  // D: the rendezvous says that P's agent lives in this epoch.
  void expect(AgentEpoch epoch) { expected_epoch_ = epoch; }

  // ---- part of the loop's work
  bool poll();
  bool expecting() const;
  bool in_traffic() const;
  bool ready_to_sleep();

  // ---- what happens elsewhere in the agent
  void pool_added(const ClientSession& session, const LocalPool& pool);
  void pool_gone(PoolId pool);
  void writer_gone(WriterId writer) { peer_writers_.gone(writer); }
  void measure();  // anew
  LinkStatus status() const;
  // What the rendezvous record tells: this side's worker; empty: none now.
  transport::Blob worker_address() const;
  const LinkTerms& terms() const { return terms_; }

 private:
  // ---- link.cc
  bool up() const { return state_ == LinkState::kUp; }
  void go_down(const Error& why);
  void retry_later(const Error& why);
  void report_state(LinkState state, const std::string& text);
  void unmap_everything(Connection& connection);

  // ---- link_set_up.cc
  Status open_connection(LinkIncarnation incarnation, FrameSocket socket);
  Status send_link();
  Result<std::vector<wire::RegionGeometry>> own_geometry() const;
  Status answer_link(const wire::Link& link);
  Status connect_worker(const std::vector<std::byte>& address, std::uint16_t version);
  void on_socket();
  Status on_frame(LinkFrame frame);
  Status on_link_ok(const wire::LinkOk& message);
  Status name_writers();
  Status send_regions();
  Status on_link_region(const wire::LinkRegion& message, std::vector<UniqueFd> fds);
  Status on_wired(const Status& flushed);
  void go_up_if_ready();

  // ---- link_pools.cc
  void send_own_pools();
  Status send_pool(const LocalPool& pool, const UniqueFd& pidfd);
  bool direct(const LocalPool& pool) const { return path_for(pool) == DataPath::kDirect; }
  Status on_peer_pool(const wire::LinkPool& message, std::vector<UniqueFd> fds);
  Result<WriterId> writer_of_engine(const wire::LinkPool& message, std::vector<UniqueFd> fds);
  Status on_pool_ok(const wire::LinkPoolOk& message);
  void map_regions_for(PoolId own_pool, WriterId writer);
  Status on_pool_gone(const wire::LinkPoolGone& message);

  // ---- link_traffic.cc
  void on_message(std::span<const std::byte> message) override;
  void on_flushed(std::uint64_t token, const Status& status) override;
  void on_broken(const Error& error) override;
  void break_later(const Error& error);
  void take_message(wire::ControlMessage message);
  bool deliver();
  bool deliver_flush_reports();
  bool front_may_go();
  bool front_has_landed();
  bool pools_known(const wire::Grant& grant) const;
  void on_heartbeat();
  void ping();
  void on_pong(const wire::Pong& pong);
  Status start_bandwidth_round();
  void on_bandwidth_flushed(const Status& status);
  void measure_mapped();
  void measured_bandwidth(double bytes_per_second);
  void report_measured();
  Status send_bytes(std::uint8_t type, std::span<const std::byte> bytes);

  LinkEnvironment& environment_;
  const LinkTerms terms_;
  const std::optional<SocketAddress> dial_address_;
  metrics::LinkProbe& probe_;

  LinkState state_ = LinkState::kDown;
  std::string reason_ = "not tried yet";
  std::string logged_;         // the last line about the state
  LinkHistory history_;        // at P: of D; at D: `incarnation` is the last one tried
  AgentEpoch expected_epoch_;  // 0: any
  PeerWriters peer_writers_;
  Timer retry_;
  Nanos next_retry_;
  std::uint64_t bytes_per_second_ = 0;
  Nanos round_trip_{};
  bool stopped_ = false;
  mutable bool window_wanted_ = false;  // somebody found it shut
  std::unique_ptr<Connection> connection_;
};

}  // namespace pegaflow::agent
