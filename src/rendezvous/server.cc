#include "rendezvous/server.h"

#include <atomic>
#include <charconv>

#include "base/json_view.h"
#include "http/server.h"
#include "rendezvous/admission.h"
#include "rendezvous/messages.h"

namespace pegaflow::rendezvous {
namespace {

using std::chrono::milliseconds;

constexpr std::size_t kSpareThreads = 8;
constexpr double kLongestWaitSeconds = 86'400;

http::Response json_response(std::string body) {
  return {200, std::move(body), "application/json"};
}

// Whole or decimal seconds.
Result<milliseconds> wait_from_text(std::string_view text) {
  double seconds = 0;
  const auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), seconds);
  const bool number = failed == std::errc() && end == text.data() + text.size();
  if (!number || !(seconds >= 0 && seconds <= kLongestWaitSeconds)) {
    return Error(Code::kInvalidArgument, "wait: expected seconds from 0 to 86400, got \"" +
                                             std::string(text.substr(0, 32)) + '"');
  }
  return std::chrono::ceil<milliseconds>(std::chrono::duration<double>(seconds));
}

http::ServerConfig http_config(const ServerConfig& config, std::size_t nodes) {
  http::ServerConfig http;
  http.address = config.address;
  http.port = config.port;
  http.threads = 2 * nodes + kSpareThreads;
  http.max_queued_connections = 128 + 2 * nodes;
  http.max_body_bytes = config.max_record_bytes;
  return http;
}

// Counts one long poll while it lives.
class PollPlace {
 public:
  PollPlace(std::atomic<std::size_t>& taken, std::size_t places, metrics::RendezvousProbe& probe)
      : taken_(taken), probe_(probe), granted_(++taken <= places) {
    probe_.poller_came();
  }
  ~PollPlace() {
    --taken_;
    probe_.poller_left();
  }
  PollPlace(const PollPlace&) = delete;
  PollPlace& operator=(const PollPlace&) = delete;
  bool granted() const { return granted_; }

 private:
  std::atomic<std::size_t>& taken_;
  metrics::RendezvousProbe& probe_;
  const bool granted_;
};

}  // namespace

class Server::Impl {
 public:
  Impl(ServerConfig config, const topology::Topology& topology, std::string topology_json,
       Store& store, metrics::RendezvousMetrics& metrics)
      : config_(std::move(config)),
        topology_(topology),
        topology_json_(std::move(topology_json)),
        store_(store),
        metrics_(metrics),
        http_(http_config(config_, topology.nodes.size())) {
    add_agent_routes();
    add_other_routes();
    http_.observe([this](const http::Answered& answered) {
      metrics_.request(answered.method, answered.pattern, answered.status, answered.duration);
    });
  }

  http::Server& http() { return http_; }
  Store& store() { return store_; }

 private:
  using Answer = Result<http::Response>;
  using Member = Answer (Impl::*)(const http::Request&);

  void route(const char* method, const char* pattern, Member member) {
    http_.route(method, pattern, [this, member](const http::Request& request) {
      Answer answer = (this->*member)(request);
      return answer.ok() ? std::move(answer).value() : http::error_response(answer.error());
    });
  }

  void add_agent_routes() {
    route("PUT", "/v1/agents/{name}", &Impl::put);
    route("GET", "/v1/agents/{name}", &Impl::get);
    route("DELETE", "/v1/agents/{name}", &Impl::remove);
    route("POST", "/v1/agents/{name}/heartbeat", &Impl::heartbeat);
    route("GET", "/v1/agents", &Impl::list);
    route("GET", "/v1/instances/{name}", &Impl::instance);
  }

  void add_other_routes() {
    http_.route("GET", "/v1/topology",
                [this](const http::Request&) { return json_response(topology_json_); });
    http_.route("GET", "/healthz",
                [](const http::Request&) { return json_response(R"({"status":"ok"})"); });
    http_.route("GET", "/readyz", [](const http::Request&) {
      return json_response(R"({"ready":true,"reasons":[]})");
    });
    http_.route("GET", "/version", [this](const http::Request&) {
      return json_response(
          json_text({{"program", "pegaflow-rendezvous"}, {"version", config_.version}}));
    });
    http_.route("GET", "/metrics", [this](const http::Request&) {
      // Leases end when somebody looks; a scraper may be the only one who does.
      (void)store_.list(std::nullopt, milliseconds(0));
      return http::Response{200, metrics_.prometheus_text(),
                            std::string(metrics::kPrometheusContentType)};
    });
  }

  Answer put(const http::Request& request) {
    const std::string& name = request.parameter("name");
    if (topology_.node(name) == nullptr) {
      http::Response response = http::error_response(unknown_name(name));
      response.status = 403;
      return response;
    }
    PEGAFLOW_ASSIGN(PutRequest wanted, put_from_json(request.body));
    PEGAFLOW_TRY(admit(wanted.record, name, topology_));
    PEGAFLOW_ASSIGN(const Lease lease, store_.put(std::move(wanted)));
    return json_response(lease_to_json(lease));
  }

  Answer get(const http::Request& request) {
    const std::string& name = request.parameter("name");
    if (topology_.node(name) == nullptr) return unknown_name(name);
    const auto entry = store_.get(name);
    if (!entry.has_value()) {
      return Error(Code::kNotFound, '"' + name + "\" isn't registered");
    }
    const Listing now = store_.list(std::nullopt, milliseconds(0));
    return json_response(entry_to_json(*entry, now.revision.store));
  }

  Answer remove(const http::Request& request) {
    PEGAFLOW_ASSIGN(const AgentEpoch epoch,
                    epoch_from_text(request.query_value("epoch").value_or("")));
    PEGAFLOW_TRY(store_.remove(request.parameter("name"), epoch));
    return http::Response{204, "", "application/json"};
  }

  Answer heartbeat(const http::Request& request) {
    PEGAFLOW_ASSIGN(const AgentEpoch epoch, epoch_from_body(request.body));
    PEGAFLOW_ASSIGN(const Lease lease, store_.heartbeat(request.parameter("name"), epoch));
    return json_response(lease_to_json(lease));
  }

  Answer list(const http::Request& request) {
    std::optional<Revision> since;
    if (const auto text = request.query_value("since"); text.has_value()) {
      PEGAFLOW_ASSIGN(since, revision_from_text(*text));
    }
    PEGAFLOW_ASSIGN(const milliseconds asked,
                    wait_from_text(request.query_value("wait").value_or("0")));
    const auto wait = std::min(asked, config_.max_wait);
    if (wait.count() == 0) return json_response(listing_to_json(store_.list(since, wait)));
    // Waiting polls may take all threads but the spare ones, or nobody could register.
    const std::size_t places = 2 * topology_.nodes.size();
    const PollPlace place(pollers_, places, metrics_);
    if (!place.granted()) {
      return Error(Code::kUnavailable, "all " + std::to_string(places) +
                                           " places for long polls are taken; try again later, "
                                           "or without wait");
    }
    return json_response(listing_to_json(store_.list(since, wait)));
  }

  Answer instance(const http::Request& request) {
    const std::string& name = request.parameter("name");
    const Listing all = store_.list(std::nullopt, milliseconds(0));
    if (!has_instance(name, all)) {
      return Error(Code::kNotFound, "no agent has a pool of instance \"" + name + '"');
    }
    return json_response(instance_to_json(name, all));
  }

  Error unknown_name(const std::string& name) const {
    return {Code::kNotFound,
            '"' + name + "\" isn't a node of topology \"" + topology_.cluster + '"'};
  }

  const ServerConfig config_;
  const topology::Topology& topology_;
  const std::string topology_json_;
  Store& store_;
  metrics::RendezvousMetrics& metrics_;
  std::atomic<std::size_t> pollers_ = 0;
  http::Server http_;  // last: its threads use all of the above
};

Server::Server(ServerConfig config, const topology::Topology& topology, std::string topology_json,
               Store& store, metrics::RendezvousMetrics& metrics)
    : impl_(std::make_unique<Impl>(std::move(config), topology, std::move(topology_json), store,
                                   metrics)) {}

Server::~Server() { stop(); }

Status Server::start() { return impl_->http().start(); }

void Server::stop() {
  impl_->store().interrupt();
  impl_->http().stop();
}

std::uint16_t Server::port() const { return impl_->http().port(); }

}  // namespace pegaflow::rendezvous
