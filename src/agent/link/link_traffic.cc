// What flows on a link once its endpoint is there: control messages, flush reports, heartbeats,
// measurements. Callbacks of the worker only take note; everything else happens in poll(), where
// the upper half may take the link down at any moment.
#include <algorithm>
#include <cstring>
#include <utility>
#include <variant>

#include "agent/link/link.h"
#include "agent/link/tokens.h"
#include "base/check.h"
#include "base/wire_time.h"

namespace pegaflow::agent {
namespace {

// Of RegisteredRegions::kScratchBytes each. Few, so that slow links are not kept busy for long.
constexpr int kWarmUpPuts = 1;
constexpr int kMeasuredPuts = 4;

double rate(std::size_t bytes, Nanos time) {
  return static_cast<double>(bytes) * 1e9 /
         static_cast<double>(std::max(time.count(), Nanos::rep{1}));
}

}  // namespace

void Link::break_later(const Error& error) {
  if (connection_ && !connection_->broken) connection_->broken = error;
}

// ---- inside Worker::progress()

void Link::on_message(std::span<const std::byte> message) {
  if (connection_->broken) return;
  connection_->last_traffic = environment_.loop.now();
  connection_->heartbeat.heard();
  if (!connection_->channel) {
    return break_later(Error(Code::kProtocol, "a control message before LINK_OK"));
  }
  const std::uint32_t mended = connection_->channel->mended();
  Result<std::optional<wire::ControlMessage>> received = connection_->channel->receive(message);
  if (connection_->channel->mended() != mended) {
    environment_.log.warning("link " + terms_.name() +
                             ": a control message came with a flipped bit, put right");
  }
  if (!received.ok()) return break_later(received.error());
  if (!*received) return;
  probe_.message_in(static_cast<std::uint8_t>((*received)->index() + 1), message.size());
  take_message(std::move(**received));
}

void Link::take_message(wire::ControlMessage message) {
  const auto* chunk = std::get_if<wire::Chunk>(&message);
  if (chunk != nullptr && connection_->landing && !connection_->inbound.full()) {
    const Status started = connection_->landing->arrived(*chunk);
    if (!started.ok()) return break_later(started.error());
  }
  if (connection_->inbound.try_push(std::move(message))) return;
  break_later(Error(Code::kResourceExhausted, std::to_string(connection_->inbound.capacity()) +
                                                  " messages of the peer wait already"));
}

void Link::on_flushed(std::uint64_t token, const Status& status) {
  PEGAFLOW_CHECK(connection_->flushed.try_push(FlushReport{token, status}));
}

void Link::on_broken(const Error& error) { break_later(error); }

// ---- poll

bool Link::poll() {
  if (!connection_) return false;
  bool moved = connection_->worker->progress() > 0;
  moved |= deliver();
  if (connection_ && connection_->broken) {
    on_socket();  // the peer may have said why
    if (connection_) go_down(Error(*connection_->broken));
  }
  moved |= deliver_flush_reports();
  if (!connection_) return true;
  if (connection_->channel && connection_->channel->ack_due()) ping();
  if (up() && window_wanted_ && connection_->channel->window_open()) {
    window_wanted_ = false;
    environment_.events.on_link_writable(*this);
    moved = true;
  }
  return moved;
}

bool Link::deliver_flush_reports() {
  bool any = false;
  while (connection_) {
    std::optional<FlushReport> report = connection_->flushed.try_pop();
    if (!report) break;
    any = true;
    --connection_->unfinished_flushes;
    if (report->token == kWireUpToken) {
      const Status wired = on_wired(report->status);
      if (!wired.ok() && connection_) go_down(wired.error());
    } else if (report->token == kProbeToken) {
      on_bandwidth_flushed(report->status);
    } else if (up()) {
      environment_.events.on_flushed(*this, report->token, report->status);
    }
  }
  return any;
}

bool Link::deliver() {
  bool any = false;
  while (connection_ && !connection_->inbound.empty()) {
    const wire::ControlMessage& front = connection_->inbound.front();
    const bool internal =
        std::holds_alternative<wire::Ping>(front) || std::holds_alternative<wire::Pong>(front);
    if (!internal && (!up() || !front_may_go())) break;
    const std::optional<wire::ControlMessage> message = connection_->inbound.try_pop();
    any = true;
    if (const auto* ping = std::get_if<wire::Ping>(&*message)) {
      const Status sent = connection_->channel->send(wire::Pong{ping->stamp_ns});
      if (!sent.ok()) break_later(sent.error());
    } else if (const auto* pong = std::get_if<wire::Pong>(&*message)) {
      on_pong(*pong);
    } else {
      environment_.events.on_control(*this, *message);
    }
  }
  return any;
}

// The link socket and the endpoint are two roads: a GRANT may overtake the pools it names.
bool Link::front_may_go() {
  if (std::holds_alternative<wire::Chunk>(connection_->inbound.front())) return front_has_landed();
  const auto* grant = std::get_if<wire::Grant>(&connection_->inbound.front());
  if (grant == nullptr) return true;
  if (!pools_known(*grant)) on_socket();
  if (!connection_) return false;
  if (pools_known(*grant)) {
    connection_->front_waits_until.reset();
    return true;
  }
  const TimePoint now = environment_.loop.now();
  if (!connection_->front_waits_until) {
    connection_->front_waits_until = now + environment_.limits.pool_wait;
  }
  if (now < *connection_->front_waits_until) return false;
  connection_->front_waits_until.reset();
  return true;  // the upper half refuses it
}

// What is told of a chunk is true only when its bytes are in the slot.
bool Link::front_has_landed() {
  if (!connection_->landing) return true;
  const Result<bool> there = connection_->landing->oldest_is_there();
  if (!there.ok()) break_later(there.error());
  if (!there.ok() || !*there) return false;
  connection_->landing->take_oldest();
  return true;
}

bool Link::pools_known(const wire::Grant& grant) const {
  if (!connection_->pools.settled(grant.sink_pool)) return false;
  if (terms_.path != DataPath::kDirect) return true;
  if (connection_->acknowledged.contains(grant.source_pool)) return true;
  return !environment_.pools.contains(grant.source_pool);
}

bool Link::expecting() const {
  return connection_ && connection_->channel && !connection_->inbound.empty();
}

bool Link::in_traffic() const {
  if (!connection_ || !connection_->channel) return false;
  if (connection_->unfinished_flushes > 0) return true;
  return environment_.loop.now() - connection_->last_traffic < environment_.limits.active;
}

bool Link::ready_to_sleep() {
  if (!connection_) return true;
  if (connection_->broken || (connection_->landing && connection_->landing->busy())) return false;
  const Result<bool> armed = connection_->worker->arm();
  if (!armed.ok()) break_later(armed.error());
  return armed.ok() && *armed;
}

Status Link::send_bytes(std::uint8_t type, std::span<const std::byte> bytes) {
  PEGAFLOW_TRY(connection_->worker->send(bytes));
  probe_.message_out(type, bytes.size());
  // Answers are expected, and the library itself may need more calls to get these bytes out.
  connection_->last_traffic = environment_.loop.now();
  return {};
}

// ---- heartbeats

void Link::on_heartbeat() {
  const Status alive = connection_->heartbeat.tick(*connection_->channel);
  if (!alive.ok()) return reset(alive.error());
  connection_->heartbeat_timer.arm(environment_.loop.now() + environment_.limits.heartbeat.period);
  probe_.send_window(connection_->channel->unacknowledged());
  ping();
}

void Link::ping() {
  const Status sent = connection_->channel->send(wire::Ping{nanos_of(environment_.loop.now())});
  if (!sent.ok()) break_later(sent.error());
}

// ---- measurements

void Link::measure() {
  if (!up()) return;
  connection_->round_trips.start();
  ping();
  if (!terms_.we_are_source) {
    const Status asked = connection_->socket->send(wire::LinkProbeAsk{});
    if (!asked.ok()) break_later(asked.error());
    return;
  }
  if (terms_.mapped) return measure_mapped();
  if (connection_->bandwidth.round != 0) return;  // under way already
  const Status started = start_bandwidth_round();
  if (!started.ok()) break_later(started.error());
}

void Link::on_pong(const wire::Pong& pong) {
  const std::uint64_t now = nanos_of(environment_.loop.now());
  if (!connection_->round_trips.running() || pong.stamp_ns > now) return;
  const auto median =
      connection_->round_trips.sample(Nanos(static_cast<Nanos::rep>(now - pong.stamp_ns)));
  if (!median) return ping();
  round_trip_ = *median;
  report_measured();
}

Status Link::start_bandwidth_round() {
  const transport::LocalMemory& scratch = environment_.registered.scratch();
  ++connection_->bandwidth.round;
  connection_->bandwidth.began = environment_.loop.now();
  const int puts = connection_->bandwidth.round == 1 ? kWarmUpPuts : kMeasuredPuts;
  for (int n = 0; n < puts; ++n) {
    PEGAFLOW_TRY(connection_->worker->put(scratch.bytes(), scratch, *connection_->scratch, 0));
  }
  PEGAFLOW_TRY(connection_->worker->flush(kProbeToken));
  ++connection_->unfinished_flushes;
  return {};
}

void Link::on_bandwidth_flushed(const Status& status) {
  if (!status.ok()) return break_later(status.error());
  const Nanos took = environment_.loop.now() - connection_->bandwidth.began;
  if (connection_->bandwidth.round == 1) {
    const Status again = start_bandwidth_round();
    if (!again.ok()) break_later(again.error());
    return;
  }
  connection_->bandwidth.round = 0;
  measured_bandwidth(rate(kMeasuredPuts * RegisteredRegions::kScratchBytes, took));
}

// Two host copies of 1 MiB, the second counts: what this agent's processor does from memory to
// memory, which is what a mapped link is made of.
void Link::measure_mapped() {
  const std::span<const std::byte> from = environment_.registered.host_scratch();
  std::vector<std::byte> to(from.size());
  std::memcpy(to.data(), from.data(), from.size());
  const TimePoint began = environment_.loop.now();
  std::memcpy(to.data(), from.data(), from.size());
  measured_bandwidth(rate(from.size(), environment_.loop.now() - began));
}

void Link::measured_bandwidth(double bytes_per_second) {
  bytes_per_second_ = static_cast<std::uint64_t>(bytes_per_second);
  if (up() && terms_.we_are_source) {
    const Status sent = connection_->socket->send(
        wire::LinkProbe{bytes_per_second_, static_cast<std::uint64_t>(round_trip_.count())});
    if (!sent.ok()) break_later(sent.error());
  }
  report_measured();
}

void Link::report_measured() {
  if (bytes_per_second_ == 0 || round_trip_ == Nanos(0)) return;
  probe_.measured(static_cast<double>(bytes_per_second_), round_trip_);
  environment_.log.info("link " + terms_.name() + ": measured " +
                        std::to_string(bytes_per_second_ / 1'000'000) + " MB/s, round trip " +
                        std::to_string(round_trip_.count() / 1000) + " µs");
}

}  // namespace pegaflow::agent
