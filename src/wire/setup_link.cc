#include "wire/json_codec.h"
#include "wire/setup.h"

namespace pegaflow::wire {
namespace {

constexpr std::array<std::string_view, 9> kTypes{
    "LINK", "LINK_OK", "LINK_NO", "REGION", "POOL", "POOL_OK", "POOL_GONE", "PROBE", "PROBE_ASK"};
constexpr std::size_t kMaxRegions = 64;
constexpr std::size_t kMaxSegments = 4096;
constexpr std::size_t kMaxBlobBytes = 64 * 1024;  // a wrapped UCX address or rkey
constexpr TextRule kInstanceRule{1, kMaxInstanceBytes, nullptr};
constexpr TextRule kDigestRule{0, 128, nullptr};

}  // namespace

template <typename Codec, FieldsOf<RegionGeometry> T>
void fields(Codec& codec, T& region) {
  codec.text("name", region.name, kNameRule);
  memory_field(codec, region.memory);
  codec.number("slot_bytes", region.slot_bytes, 1, kMaxU64);
  codec.number("slot_count", region.slot_count, 1, kMaxU32);
  codec.number("segments", region.segments, 1, kMaxSegments);
  codec.number("segment_bytes", region.segment_bytes, 1, kMaxU64);
  codec.bytes_list("rkeys", region.rkeys, kMaxSegments, kMaxBlobBytes);
  codec.check(region.rkeys.empty() || region.rkeys.size() == region.segments, "rkeys",
              "none, or one per segment");
}

template <typename Codec, FieldsOf<Link> T>
void fields(Codec& codec, T& link) {
  codec.number("version_min", link.version_min, 1, kMaxU32);
  codec.number("version_max", link.version_max, 1, kMaxU32);
  codec.check(link.version_min <= link.version_max, "versions", "version_min ≤ version_max");
  codec.hex("features", link.features);
  codec.text("from", link.from, kNameRule);
  codec.text("to", link.to, kNameRule);
  codec.hex("epoch", link.epoch.value);
  codec.hex("expected_epoch", link.expected_epoch.value);
  codec.number("incarnation", link.incarnation.value, 0, kMaxU32);
  codec.text("topology_hash", link.topology_hash, kDigestRule);
  codec.flag("mapped", link.mapped);
  codec.text("boot_id", link.boot_id, kDigestRule);
  codec.list("regions", link.regions, kMaxRegions);
  codec.bytes("worker", link.worker, kMaxBlobBytes);
  codec.bytes("probe", link.probe, kMaxBlobBytes);
}

template <typename Codec, FieldsOf<LinkOk> T>
void fields(Codec& codec, T& ok) {
  codec.number("version", ok.version, 1, kMaxU32);
  codec.hex("features", ok.features);
  codec.hex("epoch", ok.epoch.value);
  codec.number("incarnation", ok.incarnation.value, 0, kMaxU32);
  codec.bytes("worker", ok.worker, kMaxBlobBytes);
}

template <typename Codec, FieldsOf<LinkNo> T>
void fields(Codec& codec, T& no) {
  code_field(codec, no.code);
  codec.reason("reason", no.reason);
}

template <typename Codec, FieldsOf<LinkRegion> T>
void fields(Codec& codec, T& region) {
  codec.number("index", region.index, 0, kMaxU16);
  codec.number("agent_writer", region.agent_writer.value, 0, kMaxU16);
}

template <typename Codec, FieldsOf<LinkPool> T>
void fields(Codec& codec, T& pool) {
  codec.number("pool", pool.pool.value, 1, kMaxU32);
  codec.text("instance", pool.instance, kInstanceRule);
  codec.flag("direct", pool.direct);
  codec.shape("shape", pool.shape);
}

template <typename Codec, FieldsOf<LinkPoolOk> T>
void fields(Codec& codec, T& ok) {
  codec.number("pool", ok.pool.value, 1, kMaxU32);
  codec.number("writer", ok.writer.value, 0, kMaxU16);
}

template <typename Codec, FieldsOf<LinkPoolGone> T>
void fields(Codec& codec, T& gone) {
  codec.number("pool", gone.pool.value, 1, kMaxU32);
}

template <typename Codec, FieldsOf<LinkProbe> T>
void fields(Codec& codec, T& probe) {
  codec.number("bytes_per_second", probe.bytes_per_second, 0, kMaxU64);
  codec.number("round_trip_ns", probe.round_trip_ns, 0, kMaxU64);
}

template <typename Codec, FieldsOf<LinkProbeAsk> T>
void fields(Codec&, T&) {}

Result<std::string> encode_link(const LinkMessage& message) {
  return write_message(message, kTypes, kMaxLinkFrameBytes);
}

Result<LinkMessage> decode_link(std::string_view text) {
  return read_message<LinkMessage>(text, kTypes, kMaxLinkFrameBytes);
}

}  // namespace pegaflow::wire
