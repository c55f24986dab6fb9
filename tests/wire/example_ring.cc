#include "tests/wire/example_ring.h"

#include "tests/wire/example_values.h"

namespace pegaflow::wire {
namespace {

RingReceive receive() {
  RingReceive message;
  message.key = example_key();
  message.handle = 0x41;
  message.pool = PoolId{8};
  message.source = example_source();
  message.content = example_content();
  message.n_tokens = 512;
  message.reference = kExampleReference;
  message.offer_wait_ms = 1000;
  message.compute_ms = 2000;
  message.total_ms = 3000;
  message.trace_id = 0x77;
  message.tokens = example_tokens();
  return message;
}

RingStream stream() {
  RingStream message;
  message.stream = example_stream();
  message.role = StreamRole::kSink;
  message.key = example_key();
  message.handle = 0x41;
  message.pool = PoolId{8};
  message.peer_pool = PoolId{7};
  message.chunk_bytes = 4U << 20U;
  message.plan_hash = 0xFEDCBA9876543210;
  message.streams = 2;
  message.integrity = true;
  message.trace_id = 0x77;
  message.tokens = example_tokens();
  return message;
}

ScatterSlot scatter_slot() {
  ScatterSlot slot;
  slot.slot = example_ref(1);
  slot.chunk = ChunkIndex{5};
  slot.bytes = 1U << 20U;
  slot.checksum = 0xDEADBEEF;
  slot.t_ready_ns = 1'000'000'007;
  slot.gather_us = 35;
  slot.wire_us = 90;
  return slot;
}

RingResult result() {
  RingResult message;
  message.kind = EventKind::kFailed;
  message.reason = Reason::kSourceStalled;
  message.key = example_key();
  message.handle = 0x41;
  message.offer_wait_us = 150;
  message.grant_us = 90;
  message.detail = "source tp 1 took no credit";
  return message;
}

}  // namespace

std::vector<ClientMessage> example_client_messages() {
  const StreamKey stream = example_stream();
  const Key key = example_key();
  RingIntend intend{key, example_source(), example_content(), example_fingerprint(),
                    512, kExampleReference};
  return {
      RingOffer{key, PoolId{7}, 512, example_content(), 30'000},
      RingReady{stream, 3},
      RingRewound{stream, 2},
      RingWithdraw{key, Reason::kWithdrawn},
      RingFinish{key},
      intend,
      receive(),
      RingCancel{0x41},
      RingRelease{key, example_source(), kExampleReference},
      RingGathered{stream,
                   {{example_ref(1), ChunkIndex{5}, false}, {example_ref(2), ChunkIndex{6}, true}}},
      RingLeft{stream},
      RingScattered{stream, {{example_ref(1), ChunkIndex{5}, true, 28}}},
      RingStopped{stream, {example_ref(1)}},
  };
}

std::vector<AgentMessage> example_agent_messages() {
  return {
      stream(),
      RingCredit{example_stream(), {example_ref(1), example_ref(2)}},
      RingScatter{example_stream(), {scatter_slot()}},
      RingStop{example_stream(), Reason::kLinkLost},
      result(),
      RingLent{example_stream(), WriterId{5}, {example_ref(1), example_ref(2)}},
  };
}

}  // namespace pegaflow::wire
