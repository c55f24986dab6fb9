// The service over real HTTP on the loopback device.
#include "rendezvous/server.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <future>
#include <thread>

#include "base/json_view.h"
#include "example.h"
#include "http/client.h"
#include "rendezvous/client.h"
#include "rendezvous/messages.h"
#include "rendezvous/store_metrics.h"

namespace pegaflow::rendezvous {
namespace {

using std::chrono::milliseconds;
using testing::HasSubstr;

class RendezvousServer : public testing::Test {
 protected:
  static constexpr int kDecodes = 15;  // 16 nodes: places for 32 long polls

  void SetUp() override {
    ASSERT_TRUE(server_.start().ok());
    client_ = std::make_unique<Client>("127.0.0.1", server_.port());
    http_ = std::make_unique<http::Client>(http::ClientConfig{"127.0.0.1", server_.port()});
  }

  AgentRecord record(const std::string& name, std::uint64_t epoch) const {
    return example_record(topology_, name, epoch);
  }
  http::Response get(const std::string& target) {
    return http_->get(target, kTestDeadline).value();
  }
  Error refusal(const PutRequest& request) {
    const auto lease = client_->put(request, kTestDeadline);
    return lease.ok() ? Error(Code::kInternal, "accepted") : lease.error();
  }

  std::string put_body_for(const std::string& name) const {
    return put_to_json({record(name, 1), std::nullopt});
  }
  // Asks again and again, as a scraper does, until `line` is there.
  void wait_for_metric(const std::string& line) {
    const auto give_up = std::chrono::steady_clock::now() + kTestDeadline;
    while (metrics_.prometheus_text().find(line + '\n') == std::string::npos) {
      ASSERT_LT(std::chrono::steady_clock::now(), give_up) << "no " << line;
      std::this_thread::yield();
    }
  }

  const std::string json_ = example_topology_json(kDecodes);
  const topology::Topology topology_ = example_topology(kDecodes);
  SteadyClock clock_;
  metrics::RendezvousMetrics metrics_{{"pegaflow-rendezvous", "1.2.3", ""}};
  StoreMetrics store_events_{metrics_};
  MemoryStore store_{clock_, milliseconds(60'000), &store_events_};
  Server server_{{"127.0.0.1", 0, "1.2.3"}, topology_, json_, store_, metrics_};
  std::unique_ptr<Client> client_;
  std::unique_ptr<http::Client> http_;
};

TEST_F(RendezvousServer, a_registered_agent_is_found) {
  auto wanted = record("d0", 7);
  wanted.links = {{"p", "from", {3}, Blob(200, std::byte{0xA5})}};
  wanted.pools = {example_pool(1, "decode-0")};
  const auto lease = client_->put({wanted, std::nullopt}, kTestDeadline);
  ASSERT_TRUE(lease.ok()) << lease.error().message();
  EXPECT_EQ(lease->duration, milliseconds(60'000));
  EXPECT_EQ(client_->get("d0", kTestDeadline).value(), wanted);
  EXPECT_TRUE(client_->heartbeat("d0", {7}, kTestDeadline).ok());
  EXPECT_TRUE(client_->remove("d0", {7}, kTestDeadline).ok());
  EXPECT_EQ(client_->get("d0", kTestDeadline).error().code(), Code::kNotFound);
}

TEST_F(RendezvousServer, names_outside_the_topology_are_refused) {
  auto stranger = record("d0", 1);
  stranger.name = "stranger";
  EXPECT_EQ(refusal({stranger, std::nullopt}).code(), Code::kNotFound);
  const auto raw = http_->put("/v1/agents/stranger", "{}", kTestDeadline).value();
  EXPECT_EQ(raw.status, 403);
  EXPECT_THAT(raw.body, HasSubstr("isn't a node"));
  EXPECT_EQ(get("/v1/agents/stranger").status, 404);
  EXPECT_EQ(client_->heartbeat("stranger", {1}, kTestDeadline).error().code(), Code::kNotFound);
}

TEST_F(RendezvousServer, a_differing_topology_is_409_with_both_hashes) {
  auto other = record("d0", 1);
  other.topology_hash = std::string(64, 'f');
  const auto error = refusal({other, std::nullopt});
  EXPECT_EQ(error.code(), Code::kFailedPrecondition);
  EXPECT_THAT(error.message(), HasSubstr(topology_.hash));
  EXPECT_THAT(error.message(), HasSubstr(other.topology_hash));
}

TEST_F(RendezvousServer, a_live_name_is_409_unless_superseded) {
  ASSERT_TRUE(client_->put({record("d0", 1), std::nullopt}, kTestDeadline).ok());
  EXPECT_EQ(refusal({record("d0", 2), std::nullopt}).code(), Code::kAlreadyExists);
  EXPECT_TRUE(client_->put({record("d0", 2), AgentEpoch{1}}, kTestDeadline).ok());
  const auto error = client_->heartbeat("d0", {1}, kTestDeadline).error();
  EXPECT_EQ(error.code(), Code::kFailedPrecondition);
  EXPECT_EQ(
      http_->post("/v1/agents/d0/heartbeat", R"({"epoch": "0000000000000001"})", kTestDeadline)
          ->status,
      409);
  EXPECT_EQ(client_->remove("d0", {1}, kTestDeadline).error().code(), Code::kFailedPrecondition);
}

TEST_F(RendezvousServer, faulty_bodies_are_400_with_a_pointer) {
  const auto put = [&](std::string_view body) {
    return http_->put("/v1/agents/d0", body, kTestDeadline).value();
  };
  EXPECT_EQ(put("").status, 400);
  EXPECT_EQ(put("{").status, 400);
  EXPECT_THAT(put(R"({"record": []})").body, HasSubstr("/record: expected an object"));
  EXPECT_THAT(put(put_body_for("d1")).body, HasSubstr("/record/name: expected"));
  EXPECT_EQ(http_->post("/v1/agents/d0/heartbeat", "", kTestDeadline)->status, 400);
  EXPECT_EQ(http_->post("/v1/agents/d0/heartbeat", R"({"epoch": 1})", kTestDeadline)->status, 400);
  EXPECT_EQ(http_->del("/v1/agents/d0", kTestDeadline)->status, 400);
  EXPECT_EQ(http_->del("/v1/agents/d0?epoch=xyz", kTestDeadline)->status, 400);
}

TEST_F(RendezvousServer, oversized_records_are_413) {
  const std::string body = R"({"record": ")" + std::string(9 << 20, 'x') + "\"}";
  const auto response = http_->put("/v1/agents/d0", body, kTestDeadline);
  ASSERT_TRUE(response.ok()) << response.error().message();
  EXPECT_EQ(response->status, 413);
}

TEST_F(RendezvousServer, faulty_queries_are_400) {
  for (const char* query :
       {"since=x", "since=", "wait=-1", "wait=x", "wait=", "wait=1e9", "wait=nan", "wait=1s"}) {
    EXPECT_EQ(get(std::string("/v1/agents?") + query).status, 400) << query;
  }
  EXPECT_EQ(get("/v1/agents?wait=0.001").status, 200);
}

TEST_F(RendezvousServer, instances_list_their_pools) {
  auto first = record("d0", 1);
  first.pools = {example_pool(1, "decode 0")};
  auto second = record("d1", 1);
  second.pools = {example_pool(5, "decode 0"), example_pool(6, "other")};
  ASSERT_TRUE(client_->put({first, std::nullopt}, kTestDeadline).ok());
  ASSERT_TRUE(client_->put({second, std::nullopt}, kTestDeadline).ok());
  const auto response = get("/v1/instances/decode%200");
  EXPECT_EQ(response.status, 200);
  const auto document = parse_json(response.body).value();
  EXPECT_EQ(document["pools"].size(), 2U);
  EXPECT_EQ(document["pools"][1]["pool"]["id"], 5);
  EXPECT_EQ(get("/v1/instances/none").status, 404);
}

TEST_F(RendezvousServer, other_documents) {
  EXPECT_EQ(get("/v1/topology").body, json_);
  EXPECT_EQ(get("/healthz").status, 200);
  EXPECT_THAT(get("/readyz").body, HasSubstr("\"ready\":true"));
  EXPECT_THAT(get("/version").body, HasSubstr("1.2.3"));
  ASSERT_TRUE(client_->put({record("d0", 1), std::nullopt}, kTestDeadline).ok());
  const auto text = get("/metrics");
  EXPECT_EQ(text.content_type, metrics::kPrometheusContentType);
  EXPECT_THAT(text.body, HasSubstr("pegaflow_rendezvous_agents 1"));
  EXPECT_THAT(text.body, HasSubstr(R"(route="/v1/topology",status="200"} 1)"));
}

TEST_F(RendezvousServer, scrapers_see_leases_end_though_nobody_else_asks) {
  MemoryStore hasty(clock_, milliseconds(20), &store_events_);
  Server server({"127.0.0.1", 0, "1"}, topology_, json_, hasty, metrics_);
  ASSERT_TRUE(server.start().ok());
  ASSERT_TRUE(hasty.put({record("d0", 1), std::nullopt}).ok());
  http::Client scraper({"127.0.0.1", server.port()});
  const auto give_up = std::chrono::steady_clock::now() + kTestDeadline;
  std::string text;
  while (text.find("pegaflow_rendezvous_agents 0") == std::string::npos) {
    ASSERT_LT(std::chrono::steady_clock::now(), give_up) << text;
    text = scraper.get("/metrics", kTestDeadline)->body;
  }
  EXPECT_THAT(text, HasSubstr("pegaflow_rendezvous_leases_expired_total 1"));
}

TEST_F(RendezvousServer, thirty_two_pollers_all_see_a_change_and_leave_room_to_register) {
  const auto start = client_->list(std::nullopt, milliseconds(0), kTestDeadline)->revision;
  std::vector<std::future<Result<Listing>>> pollers;
  for (int i = 0; i < 32; ++i) {
    pollers.push_back(std::async(std::launch::async, [&] {
      return Client("127.0.0.1", server_.port()).list(start, kTestDeadline, kTestDeadline);
    }));
  }
  wait_for_metric("pegaflow_rendezvous_pollers 32");
  // One more has no place …
  EXPECT_EQ(client_->list(start, kTestDeadline, kTestDeadline).error().code(), Code::kUnavailable);
  // … but registering has threads.
  ASSERT_TRUE(client_->put({record("d3", 1), std::nullopt}, kTestDeadline).ok());
  for (auto& poller : pollers) {
    const auto listing = poller.get();
    ASSERT_TRUE(listing.ok()) << listing.error().message();
    EXPECT_EQ(listing->entries.at(0).name, "d3");
  }
  wait_for_metric("pegaflow_rendezvous_pollers 0");
}

TEST_F(RendezvousServer, stopping_answers_waiting_pollers) {
  const auto start = client_->list(std::nullopt, milliseconds(0), kTestDeadline)->revision;
  auto poller = std::async(std::launch::async,
                           [&] { return client_->list(start, kTestDeadline, kTestDeadline); });
  wait_for_metric("pegaflow_rendezvous_pollers 1");
  server_.stop();
  ASSERT_EQ(poller.wait_for(kTestDeadline / 2), std::future_status::ready);
  const auto listing = poller.get();
  ASSERT_TRUE(listing.ok()) << listing.error().message();
  EXPECT_TRUE(listing->entries.empty());
}

}  // namespace
}  // namespace pegaflow::rendezvous
