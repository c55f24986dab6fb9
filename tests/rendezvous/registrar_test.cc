// Registrars against real services that are down, come up, forget, and refuse.
#include "rendezvous/registrar.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <condition_variable>
#include <mutex>

#include "example.h"
#include "rendezvous/client.h"
#include "rendezvous/server.h"

namespace pegaflow::rendezvous {
namespace {

using std::chrono::milliseconds;

// Keeps what a registrar reported; tests wait until it fits.
class Recorder final : public RegistrarEvents {
 public:
  struct Failure {
    std::string what;
    Error error;
  };

  void registered(const Lease& lease) override {
    add([&] { leases_.push_back(lease.revision.store); });
  }
  void rendezvous_failed(std::string_view what, const Error& error, unsigned,
                         milliseconds) override {
    add([&] { failures_.push_back({std::string(what), error}); });
  }
  void peers_changed(const Listing& changes) override {
    add([&] {
      for (const auto& entry : changes.entries) {
        peers_.push_back((entry.record == nullptr ? "-" : "+") + entry.name);
      }
    });
  }

  bool wait_registered(std::size_t times) {
    return wait([&] { return leases_.size() >= times; });
  }
  bool wait_peer(const std::string& change) {
    return wait([&] { return std::find(peers_.begin(), peers_.end(), change) != peers_.end(); });
  }
  // A failure of `what` with this code.
  bool wait_failure(const std::string& what, Code code) {
    return wait([&] {
      return std::any_of(failures_.begin(), failures_.end(), [&](const Failure& failure) {
        return failure.what == what && failure.error.code() == code;
      });
    });
  }
  std::vector<std::string> leases() {
    const std::lock_guard lock(mutex_);
    return leases_;
  }
  std::vector<std::string> peers() {
    const std::lock_guard lock(mutex_);
    return peers_;
  }

 private:
  template <typename Add>
  void add(Add what) {
    const std::lock_guard lock(mutex_);
    what();
    changed_.notify_all();
  }
  template <typename Condition>
  bool wait(Condition condition) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, kTestDeadline, condition);
  }

  std::mutex mutex_;
  std::condition_variable changed_;
  // Guarded by mutex_:
  std::vector<std::string> leases_;
  std::vector<Failure> failures_;
  std::vector<std::string> peers_;
};

// A service that can be stopped and started again, with a new store, on the same port.
class Service {
 public:
  Service(const topology::Topology& topology, milliseconds lease)
      : topology_(topology), lease_(lease) {}

  void start() {
    server_.reset();
    store_ = std::make_unique<MemoryStore>(clock_, lease_);
    server_ = std::make_unique<Server>(ServerConfig{"127.0.0.1", port_, "1"}, topology_, "{}",
                                       *store_, metrics_);
    const auto status = server_->start();
    ASSERT_TRUE(status.ok()) << status.error().message();
    port_ = server_->port();
  }
  void stop() { server_->stop(); }
  std::uint16_t port() const { return port_; }
  MemoryStore& store() { return *store_; }

 private:
  const topology::Topology& topology_;
  const milliseconds lease_;
  SteadyClock clock_;
  metrics::RendezvousMetrics metrics_{{"pegaflow-rendezvous", "1", ""}};
  std::unique_ptr<MemoryStore> store_;
  std::unique_ptr<Server> server_;
  std::uint16_t port_ = 0;
};

class RegistrarTest : public testing::Test {
 protected:
  void SetUp() override { service_.start(); }

  AgentRecord record(const std::string& name, std::uint64_t epoch = 1) const {
    return example_record(topology_, name, epoch);
  }
  RegistrarConfig config() const {
    RegistrarConfig config;
    config.host = "127.0.0.1";
    config.port = service_.port();
    config.first_backoff = milliseconds(2);
    config.last_backoff = milliseconds(20);
    return config;
  }
  void put(const std::string& name, std::uint64_t epoch = 1) {
    ASSERT_TRUE(service_.store().put({record(name, epoch), std::nullopt}).ok());
  }

  const topology::Topology topology_ = example_topology(3);
  Service service_{topology_, milliseconds(60'000)};
  Recorder events_;
};

TEST_F(RegistrarTest, registers_and_sees_others_but_not_itself) {
  put("p");
  Registrar registrar(config(), record("d0"), events_);
  EXPECT_FALSE(registrar.registered());
  registrar.start();
  ASSERT_TRUE(events_.wait_registered(1));
  EXPECT_TRUE(registrar.registered());
  ASSERT_TRUE(events_.wait_peer("+p"));
  ASSERT_NE(registrar.peer("p"), nullptr);
  EXPECT_EQ(registrar.peer("p")->epoch, AgentEpoch{1});
  put("d1");
  ASSERT_TRUE(events_.wait_peer("+d1"));
  ASSERT_TRUE(service_.store().remove("d1", {1}).ok());
  ASSERT_TRUE(events_.wait_peer("-d1"));
  EXPECT_EQ(registrar.peer("d1"), nullptr);
  EXPECT_EQ(registrar.peer("d0"), nullptr);
  EXPECT_THAT(events_.peers(), testing::Not(testing::Contains("+d0")));
}

TEST_F(RegistrarTest, an_update_is_registered_at_once) {
  Registrar registrar(config(), record("d0"), events_);
  registrar.start();
  ASSERT_TRUE(events_.wait_registered(1));
  auto changed = record("d0");
  changed.pools = {example_pool(1, "decode-0")};
  registrar.update(changed);
  ASSERT_TRUE(events_.wait_registered(2));
  EXPECT_EQ(*service_.store().get("d0")->record, changed);
}

TEST_F(RegistrarTest, stopping_unregisters) {
  Registrar registrar(config(), record("d0"), events_);
  registrar.start();
  ASSERT_TRUE(events_.wait_registered(1));
  registrar.stop();
  registrar.stop();
  EXPECT_EQ(service_.store().get("d0"), std::nullopt);
}

TEST_F(RegistrarTest, a_service_that_is_down_is_tried_until_it_comes) {
  service_.stop();
  Registrar registrar(config(), record("d0"), events_);
  registrar.start();
  ASSERT_TRUE(events_.wait_failure("register", Code::kUnavailable));
  ASSERT_TRUE(events_.wait_failure("watch", Code::kUnavailable));
  EXPECT_FALSE(registrar.registered());
  service_.start();
  EXPECT_TRUE(events_.wait_registered(1));
}

TEST_F(RegistrarTest, a_restarted_service_is_told_again) {
  put("p");
  Registrar registrar(config(), record("d0"), events_);
  registrar.start();
  ASSERT_TRUE(events_.wait_registered(1));
  ASSERT_TRUE(events_.wait_peer("+p"));
  service_.stop();
  service_.start();
  ASSERT_TRUE(events_.wait_registered(2));
  EXPECT_EQ(events_.leases().back(), service_.store().id());
  EXPECT_NE(events_.leases().front(), service_.store().id());
  // What the new store doesn't know is gone: a complete listing replaces the old one.
  put("d1");
  ASSERT_TRUE(events_.wait_peer("+d1"));
  EXPECT_EQ(registrar.peer("p"), nullptr);
}

TEST_F(RegistrarTest, a_forgotten_registration_is_made_again) {
  Service forgetful(topology_, milliseconds(60));
  forgetful.start();
  auto settings = config();
  settings.port = forgetful.port();
  Registrar registrar(settings, record("d0"), events_);
  registrar.start();
  ASSERT_TRUE(events_.wait_registered(1));
  ASSERT_TRUE(forgetful.store().remove("d0", {1}).ok());
  ASSERT_TRUE(events_.wait_failure("heartbeat", Code::kNotFound));
  EXPECT_TRUE(events_.wait_registered(2));
}

TEST_F(RegistrarTest, a_taken_name_is_tried_until_its_lease_ends) {
  put("d0", 9);
  Registrar registrar(config(), record("d0"), events_);
  registrar.start();
  ASSERT_TRUE(events_.wait_failure("register", Code::kAlreadyExists));
  ASSERT_TRUE(service_.store().remove("d0", {9}).ok());
  EXPECT_TRUE(events_.wait_registered(1));
}

TEST_F(RegistrarTest, a_successor_takes_the_name_over_at_once) {
  put("d0", 9);
  auto settings = config();
  settings.previous_epoch = AgentEpoch{9};
  Registrar registrar(settings, record("d0"), events_);
  registrar.start();
  ASSERT_TRUE(events_.wait_registered(1));
  EXPECT_EQ(service_.store().get("d0")->record->epoch, AgentEpoch{1});
}

TEST_F(RegistrarTest, another_topology_is_reported_and_tried_again) {
  auto other = record("d0");
  other.topology_hash = std::string(64, '0');
  Registrar registrar(config(), other, events_);
  registrar.start();
  ASSERT_TRUE(events_.wait_failure("register", Code::kFailedPrecondition));
  registrar.update(record("d0"));
  EXPECT_TRUE(events_.wait_registered(1));
}

TEST_F(RegistrarTest, stopping_ends_calls_in_flight_and_back_offs) {
  auto settings = config();
  settings.poll_wait = kTestDeadline;
  settings.last_backoff = settings.first_backoff = milliseconds(60'000);
  Registrar waiting(settings, record("d0"), events_);
  waiting.start();
  ASSERT_TRUE(events_.wait_registered(1));
  waiting.stop();
  service_.stop();
  Registrar backing_off(settings, record("d1"), events_);
  backing_off.start();
  ASSERT_TRUE(events_.wait_failure("register", Code::kUnavailable));
  backing_off.stop(milliseconds(50));
}

TEST_F(RegistrarTest, one_that_never_started_stops) {
  Registrar registrar(config(), record("d0"), events_);
  registrar.stop();
}

}  // namespace
}  // namespace pegaflow::rendezvous
