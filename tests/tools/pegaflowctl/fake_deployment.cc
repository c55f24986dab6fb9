#include "fake_deployment.h"

#include <gtest/gtest.h>

namespace pegaflow::ctl {
namespace {

std::string node_json(const std::string& name, const std::string& role, int control,
                      const std::string& http) {
  return R"({"name": ")" + name + R"(", "host": "h", "role": ")" + role +
         R"(", "control": "127.0.0.1:)" + std::to_string(control) + R"(", "http": ")" + http +
         R"(", "socket": "/run/)" + name + R"(", "ucx": {"tls": "tcp"}, "regions": [{"name": "r",
         "memory": "host", "slot_bytes": 65536, "slot_count": 32}]})";
}

}  // namespace

std::string FakeStatus::text() const {
  return R"({"node": "d", "version": "0.1.0", "epoch": "0000000000000001", "ready": )" +
         std::string(ready ? "true" : "false") + R"(, "not_ready": ")" + (ready ? "" : "starting") +
         R"(", "draining": false, "sessions": [{}, {}], "offers": 3, "receives": 4,
         "transfers": [{}], "links": [{"peer": ")" +
         peer + R"(", "direction": ")" + direction + R"(", "state": ")" + state +
         R"(", "reason": ")" + (state == "up" ? "" : "cut") +
         R"(", "path": "ucx", "transport": "tcp", "bytes_per_second": )" +
         std::to_string(bytes_per_second) + R"(, "round_trip_ns": )" +
         std::to_string(round_trip_ns) + R"(}], "regions": [{"name": "r", "memory": ")" +
         std::string(gpu ? R"(cuda", "dmabuf": true, "dmabuf_reason": "")"
                         : R"(host", "dmabuf": false, "dmabuf_reason": "host memory")") +
         R"(, "slots": {"free": 30, "retired": )" + std::to_string(retired) +
         R"(, "claimed": 0}}], "gpus": [)" +
         (gpu ? R"({"uuid": "GPU-1", "region_bytes": 134217728, "context_bytes": 524288000},
                   {"uuid": "GPU-2", "region_bytes": 0, "context_bytes": null})"
              : "") +
         "]}";
}

FakeAgent::FakeAgent() {
  server_.route("GET", "/v1/status", [this](const http::Request&) {
    FakeStatus now = status;
    now.bytes_per_second += probes_;
    now.round_trip_ns += probes_;
    return http::Response{200, now.text()};
  });
  server_.route("POST", "/v1/probe", [this](const http::Request&) {
    if (measures) ++probes_;
    return http::Response{202, R"({"links":1})"};
  });
  EXPECT_TRUE(server_.start().ok());
}

FakeDeployment::FakeDeployment() {
  p.status.direction = "to";
  p.status.peer = "d";
  // Ports that nobody listens at: only names and HTTP addresses matter here.
  const std::string json = R"({"cluster": "c", "rendezvous": "http://127.0.0.1:1", "nodes": [)" +
                           node_json("p", "prefill", 2, p.http()) + ", " +
                           node_json("d", "decode", 3, d.http()) +
                           R"(], "links": [{"from": "p", "to": "d", "window": 4,
                           "chunk_bytes": 65536}]})";
  topology_ = topology::parse_topology(json).value();
  rendezvous_ = std::make_unique<rendezvous::Server>(rendezvous::ServerConfig{"127.0.0.1", 0, "1"},
                                                     topology_, json, store_, metrics_);
  EXPECT_TRUE(rendezvous_->start().ok());
}

void FakeDeployment::register_agent(const std::string& name) {
  rendezvous::AgentRecord record;
  record.name = name;
  record.epoch = {1};
  record.control = topology_.node(name)->control.text();
  record.http = topology_.node(name)->http.text();
  record.topology_hash = topology_.hash;
  record.build = {"0.1.0", ""};
  EXPECT_TRUE(store_.put({record, std::nullopt}).ok());
}

Target FakeDeployment::target() const {
  return {topology_, "127.0.0.1", rendezvous_->port(), kTestDeadline};
}

}  // namespace pegaflow::ctl
