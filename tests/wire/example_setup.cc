#include "tests/wire/example_setup.h"

#include "tests/wire/example_values.h"

namespace pegaflow::wire {
namespace {

KvShape shape() {
  KvGroupShape group;
  group.stage_bounds = {0, 18, 36};
  group.heads_total = 8;
  group.parts = 2;
  group.part_bytes = {256, 256};
  group.element_bytes = 2;
  group.block_tokens = 16;
  group.window = 4096;
  group.inner_order = 0x1234;
  KvShape shape;
  shape.rank = {0, 1, 1, 2, 0, 2};
  shape.groups = {group};
  shape.fingerprint = example_fingerprint();
  shape.incarnation = 0x0000C0FFEE000001;
  shape.gpu_uuid = "GPU-5f1e";
  return shape;
}

std::vector<std::byte> blob(std::uint8_t first) {
  return {std::byte{first}, std::byte{2}, std::byte{3}, std::byte{4}};
}

Link link() {
  RegionGeometry region;
  region.name = "staging";
  region.memory = MemoryKind::kCuda;
  region.slot_bytes = 4U << 20U;
  region.slot_count = 32;
  region.segments = 2;
  region.segment_bytes = 64U << 20U;
  region.rkeys = {blob(0xAA), blob(0xBB)};
  Link link;
  link.version_max = 2;
  link.features = 5;
  link.from = "decode-a";
  link.to = "prefill-a";
  link.epoch = AgentEpoch{0x1111222233334444};
  link.expected_epoch = AgentEpoch{0x5555666677778888};
  link.incarnation = LinkIncarnation{9};
  link.topology_hash = "sha256-0123";
  link.mapped = true;
  link.boot_id = "9f6bd3c0-58b4";
  link.regions = {region};
  link.worker = blob(0xCC);
  link.probe = blob(0xDD);
  return link;
}

}  // namespace

std::vector<SessionMessage> example_session_messages() {
  Hello hello;
  hello.version_max = 2;
  hello.kind = SessionKind::kControl;
  hello.instance = "prefill-0";
  hello.rank = {1, 2, 0, 1, 3, 4};
  hello.incarnation = 0x0000C0FFEE000001;
  hello.pid = 4711;
  const Welcome welcome{
      2, AgentEpoch{0x1111222233334444}, SessionId{5}, "prefill-a", 256, 1200, 3000, 30'000};
  const MapRegion map{RegionId{4}, true, WriterId{5}, MemoryKind::kCuda,
                      4U << 20U,   32,   2,           64U << 20U};
  return {
      hello,
      welcome,
      No{Code::kUnsupported, "no common version: 1 to 1, 2 to 3"},
      AddPool{6, MemoryKind::kCuda, shape(), {"GPU-5f1e", "GPU-77aa"}},
      PoolOk{6, PoolId{7}},
      PoolNo{6, Code::kInvalidArgument, "parts is 3, expected 1 or 2"},
      map,
      UnmapRegion{RegionId{4}},
      Unmapped{RegionId{4}},
      PeerPool{PoolId{8}, "decode-0", shape()},
      PeerGone{PoolId{8}},
  };
}

std::vector<LinkMessage> example_link_messages() {
  return {
      link(),
      LinkOk{1, 5, AgentEpoch{0x5555666677778888}, LinkIncarnation{9}, blob(0xEE)},
      LinkNo{Code::kFailedPrecondition, "topology hash differs"},
      LinkRegion{1, WriterId{2}},
      LinkPool{PoolId{7}, "prefill-0", true, shape()},
      LinkPoolOk{PoolId{7}, WriterId{3}},
      LinkPoolGone{PoolId{7}},
      LinkProbe{9'000'000'000, 25'000},
      LinkProbeAsk{},
  };
}

}  // namespace pegaflow::wire
