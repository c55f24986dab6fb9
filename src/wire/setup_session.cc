#include "wire/json_codec.h"
#include "wire/setup.h"

namespace pegaflow::wire {
namespace {

constexpr std::array<std::string_view, 11> kTypes{"HELLO",    "WELCOME", "NO",       "POOL",
                                                  "POOL_OK",  "POOL_NO", "MAP",      "UNMAP",
                                                  "UNMAPPED", "PEER",    "PEER_GONE"};
constexpr std::uint64_t kMaxPid = 1U << 22U;
constexpr TextRule kInstanceRule{1, kMaxInstanceBytes, nullptr};

}  // namespace

template <typename Codec, FieldsOf<Rank> T>
void fields(Codec& codec, T& rank) {
  codec.number("dp", rank.dp, 0, kMaxU16);
  codec.number("dp_size", rank.dp_size, 1, kMaxU16);
  codec.number("pp", rank.pp, 0, kMaxU16);
  codec.number("pp_size", rank.pp_size, 1, kMaxU16);
  codec.number("tp", rank.tp, 0, kMaxU16);
  codec.number("tp_size", rank.tp_size, 1, kMaxU16);
  codec.check(rank.dp < rank.dp_size && rank.pp < rank.pp_size && rank.tp < rank.tp_size, "rank",
              "each rank below its size");
}

template <typename Codec, FieldsOf<Hello> T>
void fields(Codec& codec, T& hello) {
  codec.number("version_min", hello.version_min, 1, kMaxU32);
  codec.number("version_max", hello.version_max, 1, kMaxU32);
  codec.check(hello.version_min <= hello.version_max, "versions", "version_min ≤ version_max");
  codec.choice("kind", hello.kind, 1, {"worker", "control"});
  codec.text("instance", hello.instance, kInstanceRule);
  codec.object("rank", hello.rank);
  codec.hex("incarnation", hello.incarnation);
  codec.number("pid", hello.pid, 0, kMaxPid);
}

template <typename Codec, FieldsOf<Welcome> T>
void fields(Codec& codec, T& welcome) {
  codec.number("version", welcome.version, 1, kMaxU32);
  codec.hex("epoch", welcome.epoch.value);
  codec.number("session", welcome.session.value, 1, kMaxU16);
  codec.text("agent", welcome.agent, kNameRule);
  codec.number("ring_entries", welcome.ring_entries, 1, kMaxU32);
  codec.number("total_ms", welcome.total_ms, 0, kMaxU32);
  codec.number("engine_tick_ms", welcome.engine_tick_ms, 0, kMaxU32);
  codec.number("lease_ms", welcome.lease_ms, 0, kMaxU32);
}

template <typename Codec, FieldsOf<No> T>
void fields(Codec& codec, T& no) {
  code_field(codec, no.code);
  codec.reason("reason", no.reason);
}

template <typename Codec, FieldsOf<AddPool> T>
void fields(Codec& codec, T& add) {
  codec.number("request", add.request, 0, kMaxU32);
  memory_field(codec, add.memory);
  codec.text_list("reaches", add.reaches, kMaxReaches, TextRule{1, 64, nullptr});
  codec.shape("shape", add.shape);
}

template <typename Codec, FieldsOf<PoolOk> T>
void fields(Codec& codec, T& ok) {
  codec.number("request", ok.request, 0, kMaxU32);
  codec.number("pool", ok.pool.value, 1, kMaxU32);
}

template <typename Codec, FieldsOf<PoolNo> T>
void fields(Codec& codec, T& no) {
  codec.number("request", no.request, 0, kMaxU32);
  code_field(codec, no.code);
  codec.reason("reason", no.reason);
}

template <typename Codec, FieldsOf<MapRegion> T>
void fields(Codec& codec, T& map) {
  codec.number("region", map.region.value, 0, kMaxU16);
  codec.flag("own", map.own);
  codec.number("writer", map.writer.value, 0, kMaxU16);
  memory_field(codec, map.memory);
  codec.number("slot_bytes", map.slot_bytes, 1, kMaxU64);
  codec.number("slot_count", map.slot_count, 1, kMaxU32);
  codec.number("segments", map.segments, 1, kMaxU32);
  codec.number("segment_bytes", map.segment_bytes, 1, kMaxU64);
}

template <typename Codec, FieldsOf<UnmapRegion> T>
void fields(Codec& codec, T& unmap) {
  codec.number("region", unmap.region.value, 0, kMaxU16);
}

template <typename Codec, FieldsOf<Unmapped> T>
void fields(Codec& codec, T& unmapped) {
  codec.number("region", unmapped.region.value, 0, kMaxU16);
}

template <typename Codec, FieldsOf<PeerPool> T>
void fields(Codec& codec, T& peer) {
  codec.number("pool", peer.pool.value, 1, kMaxU32);
  codec.text("instance", peer.instance, kInstanceRule);
  codec.shape("shape", peer.shape);
}

template <typename Codec, FieldsOf<PeerGone> T>
void fields(Codec& codec, T& gone) {
  codec.number("pool", gone.pool.value, 1, kMaxU32);
}

Result<std::string> encode_session(const SessionMessage& message) {
  return write_message(message, kTypes, kMaxSetupBytes);
}

Result<SessionMessage> decode_session(std::string_view text) {
  return read_message<SessionMessage>(text, kTypes, kMaxSetupBytes);
}

}  // namespace pegaflow::wire
