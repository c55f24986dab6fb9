// The settings that a context gets: the house's, the topology's, the environment's.
#include <gtest/gtest.h>

#include <cstdlib>

#include "transport/transport.h"
#include "transport/ucx/version.h"

namespace pegaflow::transport {
namespace {

Result<std::unique_ptr<Context>> context_with(
    std::vector<std::pair<std::string, std::string>> settings, std::string tls = "tcp") {
  return make_ucx_context(
      {.tls = std::move(tls), .net_devices = "lo", .settings = std::move(settings)});
}

// A variable of the environment while it lives.
class Variable {
 public:
  Variable(const char* name, const char* value) : name_(name) { setenv(name, value, 1); }
  ~Variable() { unsetenv(name_); }
  Variable(const Variable&) = delete;
  Variable& operator=(const Variable&) = delete;

 private:
  const char* name_;
};

TEST(UcxSettings, known_ones_are_taken) {
  const auto context = context_with({{"KEEPALIVE_INTERVAL", "3s"}, {"RNDV_THRESH", "inf"}});
  ASSERT_TRUE(context.ok()) << context.error().message();
  EXPECT_EQ((*context)->name(), "ucx");
  EXPECT_EQ((*context)->version(), to_string(loaded_ucx_version()));
}

TEST(UcxSettings, unknown_ones_are_refused_by_name) {
  const auto context = context_with({{"KEEPALIFE_INTERVAL", "3s"}});
  ASSERT_FALSE(context.ok());
  EXPECT_NE(context.error().message().find("KEEPALIFE_INTERVAL"), std::string::npos)
      << context.error().message();
}

TEST(UcxSettings, bad_values_are_refused_by_name) {
  const auto context = context_with({{"KEEPALIVE_INTERVAL", "soon"}});
  ASSERT_FALSE(context.ok());
  EXPECT_EQ(context.error().code(), Code::kInvalidArgument);
  EXPECT_NE(context.error().message().find("KEEPALIVE_INTERVAL=soon"), std::string::npos)
      << context.error().message();
}

TEST(UcxSettings, of_single_transports_are_taken_or_sent_to_the_environment) {
  const auto context = context_with({{"TCP_TX_SEG_SIZE", "16k"}});
  if (loaded_ucx_version() >= kCudaAndTransportSettings) {
    EXPECT_TRUE(context.ok()) << context.error().message();
  } else {
    ASSERT_FALSE(context.ok());
    EXPECT_EQ(context.error().code(), Code::kUnsupported);
    EXPECT_NE(context.error().message().find("UCX_TCP_TX_SEG_SIZE"), std::string::npos);
  }
}

TEST(UcxSettings, in_the_environment_win) {
  const Variable variable("UCX_KEEPALIVE_INTERVAL", "5s");
  EXPECT_TRUE(context_with({{"KEEPALIVE_INTERVAL", "soon"}}).ok());
}

TEST(UcxSettings, with_a_field_of_their_own_are_refused) {
  EXPECT_EQ(context_with({{"TLS", "tcp"}}).error().code(), Code::kInvalidArgument);
  EXPECT_EQ(context_with({{"NET_DEVICES", "lo"}}).error().code(), Code::kInvalidArgument);
}

TEST(UcxSettings, with_transports_that_do_not_exist_fail_and_name_them) {
  const auto context = context_with({}, "carrier_pigeon");
  ASSERT_FALSE(context.ok());
  EXPECT_NE(context.error().message().find("carrier_pigeon"), std::string::npos)
      << context.error().message();
}

}  // namespace
}  // namespace pegaflow::transport
