// The fields of every ring message, in the order in which they lie in the payload
// (docs/formats/ring.md). For the codecs only.
#pragma once

#include "wire/control_fields.h"
#include "wire/field_codec.h"
#include "wire/ring.h"

namespace pegaflow::wire {

template <>
struct EnumRange<StreamRole> {
  static constexpr std::uint8_t kFirst = 1, kLast = 2;
};

inline constexpr std::size_t kMaxDetailBytes = 255;

// ---- parts of messages

template <typename Codec, FieldsOf<SlotRef> T>
void fields(Codec& codec, T& slot) {
  codec("region", slot.region);
  codec("slot", slot.slot);
  codec("generation", slot.generation);
}

template <typename Codec, FieldsOf<Source> T>
void fields(Codec& codec, T& source) {
  codec.text("instance", source.instance, 1, kMaxInstanceBytes);
  codec("dp", source.dp);
}

template <typename Codec, FieldsOf<GatheredSlot> T>
void fields(Codec& codec, T& slot) {
  codec("slot", slot.slot);
  codec("chunk", slot.chunk);
  codec("voided", slot.voided);
}

template <typename Codec, FieldsOf<ScatteredSlot> T>
void fields(Codec& codec, T& slot) {
  codec("slot", slot.slot);
  codec("chunk", slot.chunk);
  codec("ok", slot.ok);
  codec("scatter time", slot.scatter_us);
}

template <typename Codec, FieldsOf<ScatterSlot> T>
void fields(Codec& codec, T& slot) {
  codec("slot", slot.slot);
  codec("chunk", slot.chunk);
  codec("bytes", slot.bytes);
  codec("checksum", slot.checksum);
  codec("t_ready", slot.t_ready_ns);
  codec("gather time", slot.gather_us);
  codec("wire time", slot.wire_us);
}

// ---- client → agent

template <typename Codec, FieldsOf<RingOffer> T>
void fields(Codec& codec, T& offer) {
  codec("key", offer.key);
  codec("pool", offer.pool);
  codec("n_tokens", offer.n_tokens);
  codec("content", offer.content);
  codec("lease", offer.lease_ms);
}

template <typename Codec, FieldsOf<RingReady> T>
void fields(Codec& codec, T& ready) {
  codec("stream", ready.stream);
  codec("ready", ready.ready);
}

template <typename Codec, FieldsOf<RingRewound> T>
void fields(Codec& codec, T& rewound) {
  codec("stream", rewound.stream);
  codec("ready", rewound.ready);
}

template <typename Codec, FieldsOf<RingWithdraw> T>
void fields(Codec& codec, T& withdraw) {
  codec("key", withdraw.key);
  codec("reason", withdraw.reason);
}

template <typename Codec, FieldsOf<RingFinish> T>
void fields(Codec& codec, T& finish) {
  codec("key", finish.key);
}

template <typename Codec, FieldsOf<RingIntend> T>
void fields(Codec& codec, T& intend) {
  codec("key", intend.key);
  codec("source", intend.source);
  codec("content", intend.content);
  codec("fingerprint", intend.fingerprint);
  codec("n_tokens", intend.n_tokens);
  codec("reference", intend.reference);
}

template <typename Codec, FieldsOf<RingReceive> T>
void fields(Codec& codec, T& receive) {
  codec("key", receive.key);
  codec("handle", receive.handle);
  codec("pool", receive.pool);
  codec("source", receive.source);
  codec("content", receive.content);
  codec("n_tokens", receive.n_tokens);
  codec("reference", receive.reference);
  codec("offer_wait", receive.offer_wait_ms);
  codec("compute", receive.compute_ms);
  codec("total", receive.total_ms);
  codec("trace id", receive.trace_id);
  codec("tokens", receive.tokens);
}

template <typename Codec, FieldsOf<RingCancel> T>
void fields(Codec& codec, T& cancel) {
  codec("handle", cancel.handle);
}

template <typename Codec, FieldsOf<RingRelease> T>
void fields(Codec& codec, T& release) {
  codec("key", release.key);
  codec("source", release.source);
  codec("reference", release.reference);
}

template <typename Codec, FieldsOf<RingGathered> T>
void fields(Codec& codec, T& gathered) {
  codec("stream", gathered.stream);
  codec("slots", gathered.slots);
}

template <typename Codec, FieldsOf<RingLeft> T>
void fields(Codec& codec, T& left) {
  codec("stream", left.stream);
}

template <typename Codec, FieldsOf<RingScattered> T>
void fields(Codec& codec, T& scattered) {
  codec("stream", scattered.stream);
  codec("slots", scattered.slots);
}

template <typename Codec, FieldsOf<RingStopped> T>
void fields(Codec& codec, T& stopped) {
  codec("stream", stopped.stream);
  codec("unspent", stopped.unspent);
}

// ---- agent → client

template <typename Codec, FieldsOf<RingStream> T>
void fields(Codec& codec, T& stream) {
  codec("stream", stream.stream);
  codec("role", stream.role);
  codec("key", stream.key);
  codec("handle", stream.handle);
  codec("pool", stream.pool);
  codec("peer pool", stream.peer_pool);
  codec("chunk bytes", stream.chunk_bytes);
  codec("plan hash", stream.plan_hash);
  codec("streams", stream.streams);
  codec("integrity", stream.integrity);
  codec("trace id", stream.trace_id);
  codec("tokens", stream.tokens);
}

template <typename Codec, FieldsOf<RingCredit> T>
void fields(Codec& codec, T& credit) {
  codec("stream", credit.stream);
  codec("slots", credit.slots);
}

template <typename Codec, FieldsOf<RingScatter> T>
void fields(Codec& codec, T& scatter) {
  codec("stream", scatter.stream);
  codec("slots", scatter.slots);
}

template <typename Codec, FieldsOf<RingStop> T>
void fields(Codec& codec, T& stop) {
  codec("stream", stop.stream);
  codec("reason", stop.reason);
}

template <typename Codec, FieldsOf<RingLent> T>
void fields(Codec& codec, T& lent) {
  codec("stream", lent.stream);
  codec("writer", lent.writer);
  codec("slots", lent.slots);
}

template <typename Codec, FieldsOf<RingResult> T>
void fields(Codec& codec, T& result) {
  codec("kind", result.kind);
  codec("reason", result.reason);
  codec("key", result.key);
  codec("handle", result.handle);
  codec("offer_wait", result.offer_wait_us);
  codec("grant", result.grant_us);
  codec.text("detail", result.detail, 0, kMaxDetailBytes);
}

}  // namespace pegaflow::wire
