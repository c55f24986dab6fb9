#include "agent/http_api.h"

#include <string>

#include "agent/status.h"
#include "agent/version.h"
#include "metrics/registry.h"

namespace pegaflow::agent {
namespace {

constexpr Millis kLoopDeadline{1000};
constexpr std::size_t kThreads = 4;

http::ServerConfig server_config(const topology::Node& node) {
  http::ServerConfig config;
  config.address = node.http.ip;
  config.port = node.http.port;
  config.threads = kThreads;
  config.max_body_bytes = 4096;  // nothing here takes a body
  return config;
}

http::Response text(int status, std::string body) {
  return {status, std::move(body) + "\n", std::string(http::kPlainText)};
}

}  // namespace

HttpApi::HttpApi(NodeAgent& agent, const rendezvous::Registrar& registrar)
    : agent_(agent), registrar_(registrar), server_(server_config(agent.node())) {
  server_.route("GET", "/metrics", [this](const http::Request&) { return metrics(); });
  server_.route("GET", "/healthz", [this](const http::Request&) { return healthz(); });
  server_.route("GET", "/readyz", [this](const http::Request&) { return readyz(); });
  server_.route("GET", "/version", [](const http::Request&) {
    return http::Response{
        200, "{\"program\":\"pegaflow-agent\",\"version\":\"" + std::string(kVersion) + "\"}"};
  });
  server_.route("GET", "/v1/status", [this](const http::Request&) { return status(); });
  server_.route("POST", "/v1/probe", [this](const http::Request&) { return probe(); });
}

Status HttpApi::start() { return server_.start(); }

http::Response HttpApi::metrics() const {
  return {200, agent_.metrics().prometheus_text(), std::string(metrics::kPrometheusContentType)};
}

http::Response HttpApi::healthz() const {
  const auto alive = agent_.loop().ask<bool>([] { return true; }, kLoopDeadline);
  return alive.ok() ? text(200, "ok") : text(503, alive.error().message());
}

http::Response HttpApi::readyz() const {
  NodeAgent* agent = &agent_;
  const auto why =
      agent_.loop().ask<std::string>([agent] { return agent->not_ready(); }, kLoopDeadline);
  if (!why.ok()) return text(503, why.error().message());
  return why->empty() ? text(200, "ready") : text(503, *why);
}

http::Response HttpApi::status() const {
  NodeAgent* agent = &agent_;
  auto status = agent_.loop().ask<AgentStatus>([agent] { return agent->status(); }, kLoopDeadline);
  if (!status.ok()) return http::error_response(503, status.error().message());
  status->registered = registrar_.registered();
  status->gpus = agent_.gpu_status();
  return {200, status_to_json(*status)};
}

http::Response HttpApi::probe() const {
  NodeAgent* agent = &agent_;
  const auto started = agent_.loop().ask<std::size_t>(
      [agent] {
        agent->links().measure_all();
        return agent->links().all().size();
      },
      kLoopDeadline);
  if (!started.ok()) return http::error_response(503, started.error().message());
  return {202, "{\"links\":" + std::to_string(*started) + "}"};
}

}  // namespace pegaflow::agent
