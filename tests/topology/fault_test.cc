// One valid topology; each case damages it at one place and expects one pointer.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "topology/parse.h"

namespace pegaflow::topology {
namespace {

constexpr std::string_view kValid = R"({
  "cluster": "c", "rendezvous": "http://10.0.0.9:80",
  "nodes": [
    {"name": "p", "host": "h1", "role": "prefill", "control": "10.0.0.1:1", "http": "10.0.0.1:2",
     "socket": "/run/p", "gpus": [{"index": 0, "uuid": "GPU-a", "nics": ["n0"]},
                                  {"index": 1, "uuid": "GPU-b"}],
     "regions": [{"name": "a", "memory": "cuda", "gpu": 0, "slot_bytes": 65536, "slot_count": 64},
                 {"name": "b", "memory": "host", "slot_bytes": 65536, "slot_count": 64}],
     "ucx": {"tls": "rc,tcp", "net_devices": "mlx5_0:1", "settings": {"RNDV_THRESH": "inf"}}},
    {"name": "d", "host": "h2", "role": "decode", "control": "10.0.0.2:3", "http": "10.0.0.2:4",
     "socket": "/run/d", "ucx": {"tls": "tcp"},
     "regions": [{"name": "a", "memory": "host", "slot_bytes": 131072, "slot_count": 65}]},
    {"name": "q", "host": "h1", "role": "both", "control": "10.0.0.1:5", "http": "10.0.0.1:6",
     "socket": "/run/q", "ucx": {"tls": "tcp"},
     "regions": [{"name": "a", "memory": "host", "slot_bytes": 65536, "slot_count": 64}]}],
  "links": [{"from": "p", "to": "d", "transports": ["rc_mlx5"], "window": 4, "chunk_bytes": 65536},
            {"from": "p", "to": "q", "path": "agent", "window": 5, "chunk_bytes": 32768}],
  "deadlines": {"total_ms": 1000}, "limits": {"max_pools": 9}
})";

struct Damage {
  const char* find;
  const char* replace;
  const char* pointer;
  const char* says;
};

std::string damaged(const Damage& damage) {
  std::string text(kValid);
  const auto at = text.find(damage.find);
  EXPECT_NE(at, std::string::npos) << damage.find;
  if (at == std::string::npos) return text;
  return text.replace(at, std::string_view(damage.find).size(), damage.replace);
}

TEST(TopologyFaults, the_undamaged_one_has_none) {
  const auto report = examine_topology(kValid);
  ASSERT_TRUE(report.topology.has_value()) << report.faults[0].pointer << report.faults[0].message;
  EXPECT_TRUE(report.faults.empty());
}

class Form : public testing::TestWithParam<Damage> {};
class Meaning : public testing::TestWithParam<Damage> {};

void expect_fault(const Damage& damage, bool structural) {
  const auto report = examine_topology(damaged(damage));
  EXPECT_FALSE(report.topology.has_value());
  const auto found =
      std::find_if(report.faults.begin(), report.faults.end(),
                   [&](const Fault& fault) { return fault.pointer == damage.pointer; });
  ASSERT_NE(found, report.faults.end())
      << "found instead: " << report.faults.at(0).pointer << ": " << report.faults[0].message;
  EXPECT_THAT(found->message, testing::HasSubstr(damage.says));
  EXPECT_EQ(found->structural, structural);
  EXPECT_EQ(parse_topology(damaged(damage)).error().code(), Code::kInvalidArgument);
}

TEST_P(Form, fault_has_its_pointer) { expect_fault(GetParam(), true); }
TEST_P(Meaning, fault_has_its_pointer) { expect_fault(GetParam(), false); }

INSTANTIATE_TEST_SUITE_P(
    TopologyFaults, Form,
    testing::Values(
        Damage{"{", "", "", "not JSON"}, Damage{"\"p\"", "\"p\xff\"", "", "not JSON"},
        Damage{"{\"name\": \"p\",", "{\"name\": \"p\", \"name\": \"p\",", "", "/nodes/0/name"},
        Damage{"\"cluster\": \"c\",", "", "", "\"cluster\" is missing"},
        Damage{"\"cluster\"", "\"clusters\"", "/clusters", "unknown key"},
        Damage{"\"c\"", "\"\"", "/cluster", "got \"\""},
        Damage{"\"c\"", "\"a b\"", "/cluster", "got \"a b\""},
        Damage{"\"c\"", "17", "/cluster", "got 17"},
        Damage{"http://10.0.0.9:80", "https://10.0.0.9:80", "/rendezvous", "http://host:port"},
        Damage{"http://10.0.0.9:80", "http://10.0.0.9", "/rendezvous", "got \"http://10.0.0.9\""},
        Damage{"http://10.0.0.9:80", "http://10.0.0.9:80/", "/rendezvous", "http://host:port"},
        Damage{"http://10.0.0.9:80", "http://10.0.0.9:99999", "/rendezvous", "99999"},
        Damage{"\"h1\"", "\"h 1\"", "/nodes/0/host", "h 1"},
        Damage{"\"prefill\"", "\"prefiller\"", "/nodes/0/role", "\"prefill\", \"decode\""},
        Damage{"10.0.0.1:1\"", "10.0.0.1\"", "/nodes/0/control", "ip:port"},
        Damage{"10.0.0.1:1\"", "10.0.0.1:0\"", "/nodes/0/control", "1 to 65535"},
        Damage{"10.0.0.1:1\"", "10.0.0.1:070\"", "/nodes/0/control", "070"},
        Damage{"10.0.0.1:1\"", "myhost:1\"", "/nodes/0/control", "myhost"},
        Damage{"10.0.0.1:1\"", "[10.0.0.1]:1\"", "/nodes/0/control", "ip:port"},
        Damage{"\"10.0.0.1:2\"", "null", "/nodes/0/http", "got null"},
        Damage{"/run/p", "run/p", "/nodes/0/socket", "absolute path"},
        Damage{"/run/p", "/run/p\\u0000", "/nodes/0/socket", "string of 2 to 100"},
        Damage{"\"index\": 0", "\"index\": -1", "/nodes/0/gpus/0/index", "got -1"},
        Damage{"\"uuid\": \"GPU-b\"", "\"uuid\": []", "/nodes/0/gpus/1/uuid", "got an array"},
        Damage{"[\"n0\"]", "\"n0\"", "/nodes/0/gpus/0/nics", "an array"},
        Damage{"\"cuda\"", "\"rocm\"", "/nodes/0/regions/0/memory", "\"host\", \"cuda\""},
        Damage{"65536", "65535", "/nodes/0/regions/0/slot_bytes", "a power of two"},
        Damage{"65536", "2048", "/nodes/0/regions/0/slot_bytes", "got 2048"},
        Damage{"65536", "8589934592", "/nodes/0/regions/0/slot_bytes", "8589934592"},
        Damage{"65536", "\"64K\"", "/nodes/0/regions/0/slot_bytes", "64K"},
        Damage{"\"slot_count\": 64", "\"slot_count\": 0", "/nodes/0/regions/0/slot_count", "got 0"},
        Damage{"\"slot_count\": 64", "\"slots\": 64", "/nodes/0/regions/0/slots", "unknown key"},
        Damage{"\"tls\": \"rc,tcp\",", "", "/nodes/0/ucx", "\"tls\" is missing"},
        Damage{"RNDV_THRESH", "UCX_RNDV_THRESH", "/nodes/0/ucx/settings/UCX_RNDV_THRESH",
               "without UCX_"},
        Damage{"RNDV_THRESH", "TLS", "/nodes/0/ucx/settings/TLS", "keys of their own"},
        Damage{"\"inf\"", "1", "/nodes/0/ucx/settings/RNDV_THRESH", "got 1"},
        Damage{"\"rc_mlx5\"", "\"ud_mlx5\"", "/links/0/transports/0", "ud_mlx5"},
        Damage{"[\"rc_mlx5\"]", "[]", "/links/0/transports", "0 items"},
        Damage{"\"agent\"", "\"fast\"", "/links/1/path", "\"auto\", \"direct\""},
        Damage{"\"window\": 4", "\"window\": 0", "/links/0/window", "got 0"},
        Damage{"\"window\": 4", "\"window\": 4.5", "/links/0/window", "got 4.5"},
        Damage{"\"chunk_bytes\": 32768", "\"chunk_bytes\": 32769", "/links/1/chunk_bytes",
               "multiple of 4096"},
        Damage{"\"chunk_bytes\": 32768", "\"chunk_bytes\": 32768, \"integrity\": 1",
               "/links/1/integrity", "true or false"},
        Damage{"\"total_ms\": 1000", "\"total_ms\": 0", "/deadlines/total_ms", "got 0"},
        Damage{"\"total_ms\"", "\"total\"", "/deadlines/total", "unknown key"},
        Damage{"\"max_pools\": 9", "\"max_pools\": 1e9", "/limits/max_pools", "65536"},
        Damage{"{\"max_pools\": 9}", "[]", "/limits", "expected an object"}));

INSTANTIATE_TEST_SUITE_P(
    TopologyFaults, Meaning,
    testing::Values(
        Damage{"\"name\": \"q\"", "\"name\": \"p\"", "/nodes/2/name", "as in /nodes/0/name"},
        Damage{"10.0.0.1:5", "10.0.0.1:1", "/nodes/2/control", "as in /nodes/0/control"},
        Damage{"10.0.0.1:6", "10.0.0.1:1", "/nodes/2/http", "as in /nodes/0/control"},
        Damage{"/run/q", "/run/p", "/nodes/2/socket", "as in /nodes/0/socket"},
        Damage{"10.0.0.2:3", "10.0.0.256:3", "/nodes/1/control", "numeric IP"},
        Damage{"10.0.0.2:3", "[:::1]:3", "/nodes/1/control", "numeric IP"},
        Damage{"\"index\": 1", "\"index\": 0", "/nodes/0/gpus/1/index", "unique"},
        Damage{"GPU-b", "GPU-a", "/nodes/0/gpus/1/uuid", "unique"},
        Damage{"\"name\": \"b\"", "\"name\": \"a\"", "/nodes/0/regions/1/name", "unique"},
        Damage{"\"gpu\": 0, ", "", "/nodes/0/regions/0", "expected \"gpu\""},
        Damage{"\"gpu\": 0", "\"gpu\": 7", "/nodes/0/regions/0/gpu", "got 7"},
        Damage{"\"memory\": \"cuda\"", "\"memory\": \"host\"", "/nodes/0/regions/0/gpu",
               "remove this key"},
        Damage{"\"to\": \"d\"", "\"to\": \"x\"", "/links/0/to", "name of a node"},
        Damage{"\"from\": \"p\"", "\"from\": \"x\"", "/links/0/from", "name of a node"},
        Damage{"\"to\": \"d\"", "\"to\": \"p\"", "/links/0/to", "another node"},
        Damage{"\"to\": \"q\"", "\"to\": \"d\"", "/links/1", "as in /links/0"},
        Damage{"\"prefill\"", "\"decode\"", "/links/0/from", "prefill or both"},
        Damage{"\"role\": \"decode\"", "\"role\": \"prefill\"", "/links/0/to", "decode or both"},
        Damage{"\"host\": \"h1\"", "\"host\": \"h3\"", "/links/1/path", "one host"},
        Damage{"\"transports\": [\"rc_mlx5\"], ", "", "/links/0", "expected \"transports\""},
        Damage{"\"path\": \"agent\"", "\"transports\": [\"tcp\"]", "/links/1/transports",
               "is mapped"},
        Damage{"\"path\": \"agent\"", "\"path\": \"ucx\"", "/links/1", "expected \"transports\""},
        Damage{"[\"rc_mlx5\"]", "[\"tcp\", \"tcp\"]", "/links/0/transports/1", "twice"},
        Damage{"[\"rc_mlx5\"]", "[\"tcp\", \"cma\"]", "/links/0/transports/1", "two hosts"},
        Damage{"\"chunk_bytes\": 32768", "\"chunk_bytes\": 131072", "/links/1/chunk_bytes",
               "(65536), got 131072"},
        Damage{"\"slot_count\": 65", "\"slot_count\": 3", "/links/0/window", "(3), got 4"},
        Damage{"\"total_ms\": 1000", "\"dead_after_ms\": 500", "/deadlines/dead_after_ms",
               "heartbeat_ms (500)"}));

TEST(TopologyFaults, all_are_reported_and_the_first_is_the_message) {
  const auto report = examine_topology(R"({"cluster": 1, "nodes": {}, "x": 0})");
  EXPECT_GE(report.faults.size(), 5U);
  const auto error = parse_topology(R"({"cluster": 1, "nodes": {}, "x": 0})").error();
  EXPECT_THAT(error.message(), testing::HasSubstr("more faults)"));
}

TEST(TopologyFaults, garbage_is_refused_without_harm) {
  for (const std::string_view text : {"", "null", "[]", "3", "{", "\"x\"", "{\"nodes\":[null]}"}) {
    EXPECT_FALSE(parse_topology(text).ok()) << text;
  }
}

}  // namespace
}  // namespace pegaflow::topology
