#include "support/side.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <array>
#include <cstdlib>
#include <filesystem>

#include "base/check.h"

namespace pegaflow::agent {

Side::Side(SideConfig config)
    : config_(std::move(config)),
      log_(config_.node, std::getenv("PEGAFLOW_TEST_LOG") ? LogLevel::kDebug : LogLevel::kOff) {
  for (const topology::RegionSpec& spec : node().regions) {
    auto region = memory::Region::create({.name = spec.name,
                                          .memory = spec.memory,
                                          .slot_bytes = spec.slot_bytes,
                                          .slot_count = spec.slot_count});
    regions_.push_back(std::make_unique<memory::Region>(std::move(region).value()));
    region_list_.push_back(regions_.back().get());
  }
  LoopConfig loop_config;
  loop_config.wait.may_spin = false;
  loop_ = Loop::create(loop_config, clock_, probe).value();
  writers_ = std::make_unique<WriterTable>(*loop_, [this](WriterId w) { writer_gone(w); });
  pools_ = std::make_unique<PoolTable>(config_.topology.limits.max_pools);
  copier_ = MemoryCopier::create(*loop_, clock_, *device_, upper).value();
  wire::Welcome welcome;
  welcome.epoch = config_.epoch;
  welcome.agent = config_.node;
  SessionObserver& observer = *this;
  sessions_ = std::make_unique<SessionServer>(SessionEnvironment{*loop_,
                                                                 log_,
                                                                 probe,
                                                                 *writers_,
                                                                 *pools_,
                                                                 region_list_,
                                                                 upper,
                                                                 observer,
                                                                 {},
                                                                 config_.sessions,
                                                                 welcome},
                                              [this](const ClientPort&) { return busy; });
  if (config_.context == nullptr) return;
  registered_.emplace(RegisteredRegions::create(*config_.context, region_list_).value());
  lingering_ = std::make_unique<LingeringSockets>(*loop_);
  links_ = Links::create(
               LinkEnvironment{*loop_, log_, *writers_, *pools_, *sessions_, *config_.context,
                               *registered_, region_list_, *device_, *copier_, *lingering_, upper,
                               LinkIdentity{config_.epoch, config_.topology.hash, config_.boot_id},
                               config_.links},
               config_.topology, node(), probe)
               .value();
}

Side::~Side() {
  if (links_) links_->stop(Error(Code::kUnavailable, "the test ends"));
}

void Side::start() {
  sessions_->serve(SeqpacketListener::listen(node().socket).value()).value();
  if (links_) links_->start().value();
}

bool Side::poll() {
  bool moved = sessions_->poll();
  if (links_) moved |= links_->poll();
  return moved;
}

bool Side::ready_to_sleep() {
  if (sessions_->ready_to_sleep() && (!links_ || links_->ready_to_sleep())) return true;
  sessions_->awake();
  return false;
}

void Side::pool_added(ClientSession& session, const LocalPool& pool) {
  if (links_) links_->pool_added(session, pool);
}

void Side::session_closed(ClientSession& session) {
  if (links_) links_->session_closed(session);
}

void Side::writer_gone(WriterId writer) {
  sessions_->writer_gone(writer);
  if (links_) links_->writer_gone(writer);
  upper.on_writer_gone(writer);
}

bool run_until(const std::vector<Side*>& sides, const std::function<bool()>& condition,
               std::chrono::seconds deadline) {
  const SteadyClock clock;
  const TimePoint end = clock.now() + deadline;
  while (!condition()) {
    if (clock.now() > end) return false;
    for (Side* side : sides) side->turn(Millis(1));
  }
  return true;
}

TempDir::TempDir() {
  std::string pattern = (std::filesystem::temp_directory_path() / "pegaflow-XXXXXX").string();
  PEGAFLOW_CHECK(::mkdtemp(pattern.data()) != nullptr);
  path_ = pattern;
}

TempDir::~TempDir() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

std::uint16_t free_port() {
  const UniqueFd socket(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  auto* raw = reinterpret_cast<sockaddr*>(&address);
  PEGAFLOW_CHECK(::bind(socket.get(), raw, size) == 0);
  PEGAFLOW_CHECK(::getsockname(socket.get(), raw, &size) == 0);
  return ntohs(address.sin_port);
}

topology::Topology two_nodes(const TempDir& dir, topology::LinkPath path) {
  topology::Topology topology;
  topology.cluster = "test";
  topology.hash = std::string(64, 'a');
  for (const std::string name : {"p", "d"}) {
    topology::Node node;
    node.name = name;
    node.host = "host";
    node.role = name == "p" ? topology::Role::kPrefill : topology::Role::kDecode;
    node.control = {"127.0.0.1", free_port()};
    node.http = {"127.0.0.1", free_port()};
    node.socket = dir.path() + "/" + name + ".sock";
    topology::RegionSpec region;
    region.name = "staging";
    region.slot_bytes = 65'536;
    region.slot_count = 8;
    node.regions.push_back(std::move(region));
    node.ucx.tls = "tcp";
    topology.nodes.push_back(std::move(node));
  }
  topology::LinkSpec link;
  link.from = "p";
  link.to = "d";
  link.path = path;
  link.window = 4;
  link.chunk_bytes = 65'536;
  if (path == topology::LinkPath::kUcx) link.transports = {"loopback"};
  topology.links.push_back(std::move(link));
  return topology;
}

}  // namespace pegaflow::agent
