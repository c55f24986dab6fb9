// The fields of every control message, in the order in which they travel (docs/formats/wire.md).
// For the codecs only.
#pragma once

#include "wire/control.h"
#include "wire/field_codec.h"

namespace pegaflow::wire {

template <typename Codec, FieldsOf<RemoteSlot> T>
void fields(Codec& codec, T& slot) {
  codec("region", slot.region);
  codec("slot", slot.slot);
  codec("generation", slot.generation);
}

template <typename Codec, FieldsOf<TokenSpan> T>
void fields(Codec& codec, T& span) {
  codec("begin", span.begin);
  codec("end", span.end);
  codec.check(span.begin <= span.end, "tokens", "begin ≤ end");
}

template <typename Codec, FieldsOf<Ping> T>
void fields(Codec& codec, T& ping) {
  codec("stamp", ping.stamp_ns);
}

template <typename Codec, FieldsOf<Pong> T>
void fields(Codec& codec, T& pong) {
  codec("stamp", pong.stamp_ns);
}

template <typename Codec, FieldsOf<Intend> T>
void fields(Codec& codec, T& intend) {
  codec("key", intend.key);
  codec("reference", intend.reference);
  codec("source pool", intend.source_pool);
  codec("content", intend.content);
  codec("fingerprint", intend.fingerprint);
  codec("n_tokens", intend.n_tokens);
  codec("intent", intend.intent);
}

template <typename Codec, FieldsOf<Offered> T>
void fields(Codec& codec, T& offered) {
  codec("key", offered.key);
  codec("intent", offered.intent);
  codec("n_tokens", offered.n_tokens);
  codec("lease", offered.lease_ms);
}

template <typename Codec, FieldsOf<Refuse> T>
void fields(Codec& codec, T& refuse) {
  codec("key", refuse.key);
  codec("intent", refuse.intent);
  codec("stream", refuse.stream);
  codec("reason", refuse.reason);
  codec("unspent", refuse.unspent);
}

template <typename Codec, FieldsOf<Revoke> T>
void fields(Codec& codec, T& revoke) {
  codec("stream", revoke.stream);
  codec("slot", revoke.slot);
}

template <typename Codec, FieldsOf<Grant> T>
void fields(Codec& codec, T& grant) {
  codec("stream", grant.stream);
  codec("key", grant.key);
  codec("reference", grant.reference);
  codec("source pool", grant.source_pool);
  codec("sink pool", grant.sink_pool);
  codec("source shape hash", grant.source_shape_hash);
  codec("sink shape hash", grant.sink_shape_hash);
  codec("content", grant.content);
  codec("n_tokens", grant.n_tokens);
  codec("tokens", grant.tokens);
  codec("consumers", grant.consumers);
  codec("plan hash", grant.plan_hash);
  codec("chunk bytes", grant.chunk_bytes);
  codec("priority", grant.priority);
  codec.check(grant.priority == 0, "priority", "0 (others are reserved)");
  codec("trace id", grant.trace_id);
  codec("eager", grant.eager);
}

template <typename Codec, FieldsOf<Want> T>
void fields(Codec& codec, T& want) {
  codec("stream", want.stream);
  codec("offered", want.offered);
  codec("ready", want.ready);
  codec("total", want.total);
  codec.check(want.ready <= want.total, "ready", "ready ≤ total");
}

template <typename Codec, FieldsOf<Credit> T>
void fields(Codec& codec, T& credit) {
  codec("stream", credit.stream);
  codec("slots", credit.slots);
}

template <typename Codec, FieldsOf<ChunkRecord> T>
void fields(Codec& codec, T& record) {
  codec("slot", record.slot);
  codec("chunk", record.chunk);
  codec("bytes", record.bytes);
  codec("checksum", record.checksum);
  codec("t_ready", record.t_ready_ns);
  codec("gather time", record.gather_us);
  codec("wire time", record.wire_us);
}

template <typename Codec, FieldsOf<Chunk> T>
void fields(Codec& codec, T& chunk) {
  codec("stream", chunk.stream);
  codec("chunks", chunk.chunks);
}

template <typename Codec, FieldsOf<Return> T>
void fields(Codec& codec, T& give_back) {
  codec("stream", give_back.stream);
  codec("slots", give_back.slots);
}

template <typename Codec, FieldsOf<Done> T>
void fields(Codec& codec, T& done) {
  codec("stream", done.stream);
  codec("bytes", done.bytes);
}

template <typename Codec, FieldsOf<Abort> T>
void fields(Codec& codec, T& abort) {
  codec("stream", abort.stream);
  codec("reason", abort.reason);
}

template <typename Codec, FieldsOf<Quiesced> T>
void fields(Codec& codec, T& quiesced) {
  codec("stream", quiesced.stream);
  codec("unspent", quiesced.unspent);
}

template <typename Codec, FieldsOf<Release> T>
void fields(Codec& codec, T& release) {
  codec("key", release.key);
  codec("reference", release.reference);
  codec("source pool", release.source_pool);
  codec("reason", release.reason);
}

template <typename Codec, FieldsOf<Drain> T>
void fields(Codec& codec, T& drain) {
  codec("seconds", drain.seconds);
}

}  // namespace pegaflow::wire
