#include "tests/wire/example_control.h"

#include "tests/wire/example_values.h"

namespace pegaflow::wire {
namespace {

Intend intend() {
  Intend message;
  message.key = example_key();
  message.reference = kExampleReference;
  message.source_pool = PoolId{7};
  message.content = example_content();
  message.fingerprint = example_fingerprint();
  message.n_tokens = 512;
  message.intent = 0x31;
  return message;
}

Grant grant() {
  Grant message;
  message.stream = example_stream();
  message.key = example_key();
  message.reference = kExampleReference;
  message.source_pool = PoolId{7};
  message.sink_pool = PoolId{8};
  message.source_shape_hash = 0x5A5A5A5A00000001;
  message.sink_shape_hash = 0x5A5A5A5A00000002;
  message.content = example_content();
  message.n_tokens = 512;
  message.tokens = example_tokens();
  message.consumers = 2;
  message.plan_hash = 0xFEDCBA9876543210;
  message.chunk_bytes = 4U << 20U;
  message.trace_id = 0x77;
  message.eager = {example_slot(1)};
  return message;
}

Chunk chunk() {
  ChunkRecord record;
  record.slot = example_slot(1);
  record.chunk = ChunkIndex{5};
  record.bytes = 1U << 20U;
  record.checksum = 0xDEADBEEF;
  record.t_ready_ns = 1'000'000'007;
  record.gather_us = 35;
  record.wire_us = 90;
  ChunkRecord second = record;
  second.slot = example_slot(2);
  second.chunk = ChunkIndex{6};
  return {example_stream(), {record, second}};
}

}  // namespace

ControlHeader example_header() {
  ControlHeader header;
  header.sequence = 0x0A0B0C0D;
  header.ack = 0x01020304;
  header.sender_epoch = AgentEpoch{0x1111222233334444};
  header.incarnation = LinkIncarnation{9};
  return header;
}

std::vector<ControlMessage> example_control_messages() {
  const StreamKey stream = example_stream();
  const Key key = example_key();
  return {
      Ping{0x0102030405060708},
      Pong{0x0102030405060708},
      intend(),
      Offered{key, 0x31, 512, 30'000},
      Refuse{key, 0x31, stream, Reason::kContent, {example_slot(1)}},
      Revoke{stream, example_slot(1)},
      grant(),
      Want{stream, true, 3, 64},
      Credit{stream, {example_slot(1), example_slot(2)}},
      chunk(),
      Return{stream, {example_slot(1)}},
      Done{stream, 0x10000000},
      Abort{stream, Reason::kTotalTimeout},
      Quiesced{stream, {example_slot(1), example_slot(2)}},
      Release{key, kExampleReference, PoolId{7}, Reason::kCancelled},
      Drain{30},
  };
}

}  // namespace pegaflow::wire
