// HttpApi: the agent's HTTP: /metrics, /healthz, /readyz, /version, GET /v1/status, POST /v1/probe.
#pragma once

#include <memory>

#include "agent/node_agent.h"
#include "http/server.h"
#include "pegaflow/result.h"
#include "rendezvous/registrar.h"

namespace pegaflow::agent {

// Handlers run on the server's threads and ask the loop, with a deadline.
class HttpApi {
 public:
  // Both outlive the API.
  HttpApi(NodeAgent& agent, const rendezvous::Registrar& registrar);
  // kAlreadyExists, kSystem: the address cannot be listened at.
  Status start();
  void stop() { server_.stop(); }

 private:
  http::Response metrics() const;
  http::Response healthz() const;
  http::Response readyz() const;
  http::Response status() const;
  http::Response probe() const;

  NodeAgent& agent_;
  const rendezvous::Registrar& registrar_;
  http::Server server_;
};

}  // namespace pegaflow::agent
