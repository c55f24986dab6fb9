// Whole agents in this process, over UCX's tcp, as an embedder runs them.
#include "pegaflow/agent.h"

#include <gtest/gtest.h>

#include <fstream>
#include <nlohmann/json.hpp>

#include "http/client.h"
#include "http/server.h"
#include "support/side.h"
#include "support/test_client.h"

namespace pegaflow::agent {
namespace {

using nlohmann::json;
using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr milliseconds kDeadline = seconds(20);

class AgentTest : public ::testing::Test {
 protected:
  json node(const std::string& name, const std::string& role) {
    const std::uint16_t http = free_port();
    http_ports[name] = http;
    return {
        {"name", name},
        {"host", "test"},
        {"role", role},
        {"control", "127.0.0.1:" + std::to_string(free_port())},
        {"http", "127.0.0.1:" + std::to_string(http)},
        {"socket", socket(name)},
        {"regions",
         {{{"name", "staging"}, {"memory", "host"}, {"slot_bytes", 65536}, {"slot_count", 16}}}},
        {"ucx", {{"tls", "tcp"}}}};
  }
  std::string socket(const std::string& name) const { return dir.path() + "/" + name + ".sock"; }

  AgentConfig config(const std::string& name, const json& link) {
    if (path.empty()) {
      json topology = {
          {"cluster", "test"},
          {"rendezvous", "http://127.0.0.1:" + std::to_string(free_port())},  // nobody there
          {"nodes", {node("p", "prefill"), node("d", "decode")}},
          {"links", {{{"from", "p"}, {"to", "d"}, {"window", 4}, {"chunk_bytes", 65536}}}}};
      topology["links"][0].update(link);
      path = dir.path() + "/topology.json";
      std::ofstream(path) << topology.dump();
    }
    return {.topology_path = path,
            .node = name,
            .log_level = "off",
            .takeover_timeout = milliseconds(100)};
  }
  http::Response get(const std::string& name, const std::string& target) {
    return http::Client({"127.0.0.1", http_ports.at(name)}).get(target, kDeadline).value();
  }
  json status(const std::string& name) { return json::parse(get(name, "/v1/status").body); }
  bool until(const std::function<bool()>& condition) {
    const SteadyClock clock;
    const TimePoint end = clock.now() + kDeadline;
    while (!condition()) {
      if (clock.now() > end) return false;
    }
    return true;
  }

  TempDir dir;
  std::string path;
  std::map<std::string, std::uint16_t> http_ports;
};

const json kMapped = {{"path", "direct"}};
const json kTcp = {{"path", "ucx"}, {"transports", {"tcp"}}};

class TwoAgents : public AgentTest, public ::testing::WithParamInterface<const json*> {};
INSTANTIATE_TEST_SUITE_P(Links, TwoAgents, ::testing::Values(&kMapped, &kTcp),
                         [](const auto& param) { return param.param == &kTcp ? "tcp" : "mapped"; });

TEST_P(TwoAgents, link_up_and_drain_when_told) {
  const auto p = Agent::start(config("p", *GetParam()));
  ASSERT_TRUE(p.ok()) << p.error().message();
  const auto d = Agent::start(config("d", *GetParam()));
  ASSERT_TRUE(d.ok()) << d.error().message();
  ASSERT_TRUE(until([&] {
    return status("p")["links"][0]["state"] == "up" && status("d")["links"][0]["state"] == "up";
  }));
  EXPECT_TRUE((*p)->ready(kDeadline));
  EXPECT_FALSE((*p)->wait(milliseconds(0)));
  (*p)->drain(kDeadline);
  EXPECT_TRUE((*p)->wait(kDeadline));
  EXPECT_EQ((*p)->end(), AgentEnd::kDrained);
  ASSERT_TRUE(until([&] { return status("d")["links"][0]["state"] == "down"; }));
  (*d)->stop();
  EXPECT_TRUE((*d)->wait(milliseconds(0)));
  EXPECT_EQ((*d)->end(), AgentEnd::kStopped);
}

TEST_F(AgentTest, http_answers_what_operators_ask) {
  const auto agent = Agent::start(config("p", kMapped));
  ASSERT_TRUE(agent.ok()) << agent.error().message();
  EXPECT_EQ(get("p", "/healthz").body, "ok\n");
  EXPECT_EQ(get("p", "/readyz").body, "ready\n");
  EXPECT_EQ(json::parse(get("p", "/version").body)["program"], "pegaflow-agent");
  EXPECT_NE(get("p", "/metrics").body.find("pegaflow_"), std::string::npos);
  EXPECT_EQ(get("p", "/v1/probe").status, 405);
  const json now = status("p");
  EXPECT_EQ(now["node"], "p");
  EXPECT_EQ(now["ready"], true);
  EXPECT_EQ(now["registered"], false);
  EXPECT_EQ(now["links"][0]["direction"], "to");
  EXPECT_EQ(now["regions"][0]["slots"]["free"], 16);
  TestClient client(socket("p"));
  client.send(hello());
  ASSERT_TRUE(until([&] { return client.find<wire::MapRegion>() != nullptr; }));
  EXPECT_EQ(status("p")["sessions"][0]["instance"], "engine");
}

TEST_F(AgentTest, second_agent_of_one_node_is_refused_with_a_reason) {
  const auto first = Agent::start(config("p", kMapped));
  ASSERT_TRUE(first.ok());
  const auto second = Agent::start(config("p", kMapped));
  ASSERT_FALSE(second.ok());
  EXPECT_EQ(second.error().code(), Code::kAlreadyExists);
}

TEST_F(AgentTest, wrong_configuration_is_an_error_that_names_it) {
  EXPECT_EQ(Agent::start({.topology_path = "/no/such/file", .node = "p"}).error().code(),
            Code::kNotFound);
  EXPECT_EQ(Agent::start(config("nobody", kMapped)).error().code(), Code::kNotFound);
  AgentConfig loud = config("p", kMapped);
  loud.log_level = "loud";
  EXPECT_EQ(Agent::start(loud).error().code(), Code::kInvalidArgument);
}

TEST_F(AgentTest, taken_addresses_are_an_error_and_leave_nothing_behind) {
  config("p", kMapped);
  http::Server squatter({.address = "127.0.0.1", .port = http_ports.at("p")});
  squatter.start().value();
  EXPECT_FALSE(Agent::start(config("p", kMapped)).ok());
  squatter.stop();
  EXPECT_TRUE(Agent::start(config("p", kMapped)).ok());
}

TEST_F(AgentTest, engines_hear_the_agents_end) {
  auto agent = Agent::start(config("p", kMapped));
  ASSERT_TRUE(agent.ok());
  TestClient client(socket("p"));
  client.send(hello());
  ASSERT_TRUE(until([&] { return client.find<wire::Welcome>() != nullptr; }));
  agent->reset();
  ASSERT_TRUE(until([&] {
    client.read();
    return client.closed;
  }));
}

}  // namespace
}  // namespace pegaflow::agent
