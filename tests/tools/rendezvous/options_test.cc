#include "options.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <vector>

namespace pegaflow::tools {
namespace {

using std::chrono::milliseconds;

std::variant<RendezvousOptions, int> parse(std::vector<std::string> arguments) {
  arguments.insert(arguments.begin(), "pegaflow-rendezvous");
  std::vector<char*> argv;
  for (auto& argument : arguments) argv.push_back(argument.data());
  return parse_rendezvous_options(static_cast<int>(argv.size()), argv.data());
}

TEST(RendezvousOptions, every_option_arrives) {
  const auto parsed = parse({"--topology", "t.json", "--listen", "1.2.3.4:5", "--log-level",
                             "debug", "--lease-ms", "500"});
  const auto& options = std::get<RendezvousOptions>(parsed);
  EXPECT_EQ(options.topology_path, "t.json");
  EXPECT_EQ(options.listen, "1.2.3.4:5");
  EXPECT_EQ(options.log_level, "debug");
  EXPECT_EQ(options.lease, milliseconds(500));
}

TEST(RendezvousOptions, faulty_ones_are_usage_errors) {
  testing::internal::CaptureStderr();
  testing::internal::CaptureStdout();
  for (const auto& arguments :
       std::vector<std::vector<std::string>>{{},
                                             {"--topology"},
                                             {"--topology", "t", "--log-level", "loud"},
                                             {"--topology", "t", "--lease-ms", "1"},
                                             {"--topology", "t", "--unknown"}}) {
    EXPECT_EQ(std::get<int>(parse(arguments)), kExitUsage);
  }
  EXPECT_EQ(std::get<int>(parse({"--help"})), kExitOk);
  EXPECT_EQ(std::get<int>(parse({"--version"})), kExitOk);
  EXPECT_THAT(testing::internal::GetCapturedStdout(), testing::HasSubstr("1.2.3"));
  (void)testing::internal::GetCapturedStderr();
}

TEST(ListenAddress, comes_from_the_url_unless_given) {
  const auto from = [](const std::string& listen, const topology::HttpUrl& url) {
    const auto address = listen_address(listen, url).value();
    return topology::IpPort{address.ip, address.port}.text();
  };
  EXPECT_EQ(from("", {"10.0.0.1", 7600}), "10.0.0.1:7600");
  EXPECT_EQ(from("", {"fd00::1", 7600}), "[fd00::1]:7600");
  EXPECT_EQ(from("", {"rendezvous.local", 7600}), "0.0.0.0:7600");
  EXPECT_EQ(from("127.0.0.1:0", {"10.0.0.1", 7600}), "127.0.0.1:0");
  EXPECT_EQ(from("[::1]:80", {"10.0.0.1", 7600}), "[::1]:80");
}

TEST(ListenAddress, faulty_ones_are_refused) {
  for (const char* listen : {"x", ":", "x:1", "1.2.3.4", "1.2.3.4:", "1.2.3.4:x", "1.2.3.4:65536",
                             "1.2.3.4:-1", "[1.2.3.4:5"}) {
    EXPECT_FALSE(listen_address(listen, {"10.0.0.1", 7600}).ok()) << listen;
  }
}

}  // namespace
}  // namespace pegaflow::tools
