// A topology of many decode nodes behind one prefill node, and records that fit it.
#pragma once

#include <chrono>
#include <string>

#include "rendezvous/record.h"
#include "topology/parse.h"

namespace pegaflow::rendezvous {

inline constexpr std::chrono::milliseconds kTestDeadline{10'000};

inline std::string example_node(const std::string& name, const std::string& role, int port) {
  return R"({"name": ")" + name + R"(", "host": "h", "role": ")" + role +
         R"(", "control": "127.0.0.1:)" + std::to_string(port) + R"(", "http": "127.0.0.1:)" +
         std::to_string(port + 1) + R"(", "socket": "/run/)" + name +
         R"(", "ucx": {"tls": "tcp"}, "regions": [{"name": "r", "memory": "host",
         "slot_bytes": 65536, "slot_count": 32}]})";
}

// Nodes "p", "d0" … "d<n−1>".
inline std::string example_topology_json(int decodes) {
  std::string nodes = example_node("p", "prefill", 10'000);
  std::string links;
  for (int i = 0; i < decodes; ++i) {
    const std::string name = "d" + std::to_string(i);
    nodes += ", " + example_node(name, "decode", 10'002 + 2 * i);
    links += (i == 0 ? "" : ", ") + std::string(R"({"from": "p", "to": ")") + name +
             R"(", "window": 4, "chunk_bytes": 65536})";
  }
  return R"({"cluster": "test", "rendezvous": "http://127.0.0.1:9999", "nodes": [)" + nodes +
         "], \"links\": [" + links + "]}";
}

inline topology::Topology example_topology(int decodes) {
  return topology::parse_topology(example_topology_json(decodes)).value();
}

inline AgentRecord example_record(const topology::Topology& topology, const std::string& name,
                                  std::uint64_t epoch) {
  AgentRecord record;
  record.name = name;
  record.epoch = {epoch};
  record.control = topology.node(name)->control.text();
  record.http = topology.node(name)->http.text();
  record.topology_hash = topology.hash;
  record.build = {"0.1.0", "1.13.1"};
  record.transports = {"tcp", "rc_verbs"};
  return record;
}

inline PoolRecord example_pool(std::uint32_t id, const std::string& instance) {
  PoolRecord pool{{id}, instance, {}};
  KvGroupShape group;
  group.stage_bounds = {0, 4};
  group.heads_total = 8;
  group.parts = 2;
  group.part_bytes = {256, 256};
  group.element_bytes = 2;
  group.block_tokens = 16;
  pool.shape.groups = {group};
  pool.shape.incarnation = 0x8000000000000001ULL;
  return pool;
}

}  // namespace pegaflow::rendezvous
