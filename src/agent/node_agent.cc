#include "agent/node_agent.h"

#include <pthread.h>
#include <sys/epoll.h>

#include <algorithm>
#include <utility>

#include "agent/version.h"
#include "base/random.h"
#include "pegaflow/transfer.h"
#include "wire/control.h"

namespace pegaflow::agent {
namespace {

constexpr Millis kHousekeeping{250};
// With fewer slots left than this share, a restart (a new epoch, new memory) is the cure.
constexpr double kWornOutShare = 0.25;

metrics::RegistryConfig metrics_config(const topology::Node& node) {
  metrics::RegistryConfig config;
  config.build = {.program = "pegaflow-agent", .version = kVersion, .node = node.name};
  for (std::uint8_t type = 0; type < wire::kControlTypes; ++type) {
    config.messages.emplace_back(wire::control_name(type));
  }
  for (std::uint8_t reason = 0; reason <= kMaxReason; ++reason) {
    config.reasons.emplace_back(to_string(static_cast<Reason>(reason)));
  }
  return config;
}

Result<LogLevel> log_level(const std::string& name) {
  if (name == "debug") return LogLevel::kDebug;
  if (name == "info") return LogLevel::kInfo;
  if (name == "warning") return LogLevel::kWarning;
  if (name == "error") return LogLevel::kError;
  if (name == "off") return LogLevel::kOff;
  return Error(Code::kInvalidArgument,
               "log level: expected debug, info, warning, error or off, got \"" + name + "\"");
}

// The copier's thread is one more that spins: only where cores are many.
Nanos copier_spin(const WaitConfig& wait) {
  return wait.spin > WaitConfig().spin ? wait.spin : Nanos(0);
}

RegionPlace place_of(const memory::Region& region) {
  RegionPlace place;
  place.memory = topology::to_string(region.shape().memory);
  place.gpu = region.gpu_uuid();
  place.bytes = region.shape().slot_bytes * region.shape().slot_count;
  const Status exported = region.check_dmabuf();
  place.dmabuf = exported.ok();
  if (!exported.ok()) place.dmabuf_reason = exported.error().message();
  return place;
}

std::uint32_t max_window(const std::vector<LinkTerms>& links) {
  std::uint32_t window = 1;
  for (const LinkTerms& link : links) window = std::max(window, link.window);
  return window;
}

}  // namespace

NodeAgent::NodeAgent(topology::Topology topology)
    : topology_(std::move(topology)), epoch_{random_u64()} {}

Result<std::unique_ptr<NodeAgent>> NodeAgent::create(const AgentConfig& config,
                                                     topology::Topology topology) {
  std::unique_ptr<NodeAgent> agent(new NodeAgent(std::move(topology)));
  PEGAFLOW_ASSIGN(agent->node_, find_node(agent->topology_, config.node));
  PEGAFLOW_ASSIGN(const LogLevel level, log_level(config.log_level));
  agent->log_ = std::make_unique<Log>(config.node, level);
  agent->metrics_ = std::make_unique<metrics::AgentMetrics>(metrics_config(*agent->node_));
  PEGAFLOW_TRY(agent->take_place(config));
  PEGAFLOW_TRY(agent->make_memory());
  PEGAFLOW_TRY(agent->make_loop());
  PEGAFLOW_TRY(agent->make_links());
  agent->log_configuration();
  return agent;
}

NodeAgent::~NodeAgent() { stop(); }

Status NodeAgent::take_place(const AgentConfig& config) {
  PEGAFLOW_ASSIGN(SeqpacketListener listener,
                  take_over_socket(node_->socket, config.takeover_timeout));
  listener_.emplace(std::move(listener));
  PEGAFLOW_ASSIGN(predecessor_, exchange_epoch(node_->socket, epoch_));
  return {};
}

Status NodeAgent::make_memory() {
  PEGAFLOW_ASSIGN(devices_, Devices::open(topology_, *node_));
  PEGAFLOW_ASSIGN(regions_, create_regions(*node_, *devices_));
  for (const auto& region : regions_) {
    region_list_.push_back(region.get());
    places_.push_back(place_of(*region));
  }
  // UCX looks for GPUs in the thread that initialises it.
  PEGAFLOW_TRY(devices_->for_copies().attach_thread());
  PEGAFLOW_ASSIGN(context_, transport::make_ucx_context(context_config(*node_, regions_)));
  // Mapped links need no rkeys: without others, nothing is registered but the scratch memory.
  const std::vector<LinkTerms> links = links_of(topology_, *node_);
  const bool any_ucx =
      std::any_of(links.begin(), links.end(), [](const LinkTerms& link) { return !link.mapped; });
  const std::vector<memory::Region*> none;
  const auto landing_on = [this](const memory::Region& region) {
    return lands_beside(*node_, region) ? &devices_->gpu(region.gpu_uuid()) : nullptr;
  };
  PEGAFLOW_ASSIGN(registered_,
                  RegisteredRegions::create(*context_, any_ucx ? region_list_ : none, landing_on));
  for (std::size_t i = 0; i < registered_->size(); ++i) {
    if (registered_->landing_device(i) != nullptr) places_[i].landing_bytes = places_[i].bytes;
  }
  return {};
}

Status NodeAgent::make_loop() {
  LoopConfig config;
  config.wait = wait_config_for_this_machine();
  PEGAFLOW_ASSIGN(loop_, Loop::create(config, clock_, *metrics_));
  writers_ = std::make_unique<WriterTable>(*loop_, [this](WriterId w) { writer_gone(w); });
  pools_ = std::make_unique<PoolTable>(topology_.limits.max_pools);
  PEGAFLOW_ASSIGN(copier_, MemoryCopier::create(*loop_, clock_, devices_->for_copies(), *this,
                                                copier_spin(config.wait)));
  const TransferConfig transfer{
      .deadlines = topology_.deadlines,
      .limits = topology_.limits,
      .max_window = max_window(links_of(topology_, *node_)),
      .first_xfer = random_u64(),
      .complain = [this](const std::string& what) { log_->warning(what); }};
  transfers_ =
      std::make_unique<TransferService>(transfer, clock_, region_list_, *copier_, *metrics_);
  // Where the agent would take the processor that the bytes need, it leaves bells to the engines.
  if (!config.wait.may_spin) return {};
  for (const memory::Region* region : region_list_) {
    PEGAFLOW_ASSIGN(auto bell, loop_->watch(region->bell().fd(), EPOLLIN | EPOLLET,
                                            [this](std::uint32_t) { transfers_->on_bell(); }));
    bells_.push_back(std::move(bell));
  }
  return {};
}

Status NodeAgent::make_links() {
  SessionLimits limits;
  limits.max_sessions = topology_.limits.max_sessions;
  limits.engine_tick = topology_.deadlines.engine_tick;
  wire::Welcome welcome;
  welcome.epoch = epoch_;
  welcome.agent = node_->name;
  welcome.total_ms = static_cast<std::uint32_t>(topology_.deadlines.total.count());
  welcome.engine_tick_ms = static_cast<std::uint32_t>(topology_.deadlines.engine_tick.count());
  welcome.lease_ms = static_cast<std::uint32_t>(topology_.deadlines.lease.count());
  sessions_ =
      std::make_unique<SessionServer>(SessionEnvironment{*loop_,
                                                         *log_,
                                                         *metrics_,
                                                         *writers_,
                                                         *pools_,
                                                         region_list_,
                                                         *transfers_,
                                                         *this,
                                                         {},
                                                         limits,
                                                         welcome},
                                      [this](const ClientPort&) { return transfers_->busy(); });
  PEGAFLOW_TRY(sessions_->serve(std::move(*std::exchange(listener_, std::nullopt))));
  lingering_ = std::make_unique<LingeringSockets>(*loop_);
  PEGAFLOW_ASSIGN(std::string boot_id, read_boot_id());
  LinkLimits link_limits;
  link_limits.heartbeat.period = topology_.deadlines.heartbeat;
  link_limits.heartbeat.dead_after = topology_.deadlines.dead_after;
  PEGAFLOW_ASSIGN(
      links_,
      Links::create(
          LinkEnvironment{*loop_, *log_, *writers_, *pools_, *sessions_, *context_, *registered_,
                          region_list_, devices_->for_copies(), *copier_, *lingering_, *transfers_,
                          LinkIdentity{epoch_, topology_.hash, boot_id}, link_limits},
          topology_, *node_, *metrics_));
  work_ = std::make_unique<AgentWork>(*sessions_, *links_, *transfers_);
  housekeeping_ = std::make_unique<Timer>(loop_->timers(), [this] { housekeep(); });
  return {};
}

Status NodeAgent::start() {
  std::promise<Status> started;
  std::future<Status> result = started.get_future();
  thread_ =
      std::thread([this, promise = std::move(started)]() mutable { run(std::move(promise)); });
  return result.get();
}

void NodeAgent::run(std::promise<Status> started) {
  ::pthread_setname_np(::pthread_self(), "pegaflow-agent");
  // UCX's workers, which live on this thread, and copies that it starts need the GPU's context.
  Status listening = devices_->for_copies().attach_thread();
  if (listening.ok()) listening = links_->start();
  started.set_value(listening);
  if (listening.ok()) {
    housekeeping_->arm(loop_->now() + kHousekeeping);
    loop_->run(*work_);
  }
  // On this thread, which owns the workers.
  links_->stop(Error(Code::kUnavailable, "the agent of " + node_->name + " stops"));
  const std::lock_guard lock(mutex_);
  ended_ = true;
  ended_changed_.notify_all();
}

void NodeAgent::stop() {
  if (!loop_) return;  // create() failed before it had one
  loop_->stop();
  const std::lock_guard lock(stop_mutex_);
  if (thread_.joinable()) thread_.join();
}

bool NodeAgent::wait(Millis timeout) {
  std::unique_lock lock(mutex_);
  return ended_changed_.wait_for(lock, timeout, [this] { return ended_; });
}

void NodeAgent::drain(Millis deadline) {
  // Refused: the loop has ended, or is too crowded to hear of it; then the deadline is now.
  if (!loop_->post([this, deadline] { begin_drain(deadline); })) loop_->stop();
}

void NodeAgent::begin_drain(Millis deadline) {
  if (drain_deadline_) return;
  drain_deadline_ = loop_->now() + deadline;
  const auto seconds = std::chrono::ceil<std::chrono::seconds>(deadline).count();
  log_->info("draining for up to " + std::to_string(seconds) + " s");
  transfers_->drain();
  links_->send_to_all(wire::Drain{static_cast<std::uint32_t>(seconds)});
  metrics_->ready(false);
  housekeeping_->arm(loop_->now());
}

void NodeAgent::end_with(AgentEnd end) {
  end_ = end;
  loop_->stop();
}

void NodeAgent::housekeep() {
  const TimePoint now = loop_->now();
  transfers_->report();
  metrics_->ready(not_ready().empty());
  if (!drain_deadline_ && transfers_->usable_share() < kWornOutShare) {
    log_->error("more than three quarters of a region's slots are lost: the agent drains and ends");
    worn_out_ = true;
    begin_drain(topology_.deadlines.total);
  }
  if (drain_deadline_ && transfers_->drained()) {
    end_with(worn_out_ ? AgentEnd::kWornOut : AgentEnd::kDrained);
  } else if (drain_deadline_ && now >= *drain_deadline_) {
    end_with(worn_out_ ? AgentEnd::kWornOut : AgentEnd::kCutShort);
  }
  housekeeping_->arm(now + kHousekeeping);
}

void NodeAgent::on_copied(std::uint64_t token, CopyOutcome outcome, Nanos took) {
  transfers_->on_copied(token, outcome, took);
}

void NodeAgent::pool_added(ClientSession& session, const LocalPool& pool) {
  links_->pool_added(session, pool);
}

void NodeAgent::session_closed(ClientSession& session) { links_->session_closed(session); }

void NodeAgent::writer_gone(WriterId writer) {
  sessions_->writer_gone(writer);
  links_->writer_gone(writer);
  transfers_->on_writer_gone(writer);
}

}  // namespace pegaflow::agent
