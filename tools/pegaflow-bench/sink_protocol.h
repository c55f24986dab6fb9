// What a sink process and its parent say to each other: one line of text a message,
// "word number". Not a format: both ends are the same program.
#pragma once

#include <cstdint>
#include <string>

#include "base/clock.h"
#include "pegaflow/result.h"
#include "support/channel.h"

namespace pegaflow::bench {

// To the sink: "ask N": receive the next transfer, whose number is N; "clear 0": put zeros into the
// pages of the next one before it comes; "check 0": compare the last one's bytes.
// From the sink: "up 0"; "asked N"; "cleared 0"; "done T": all bytes are there since T
// (CLOCK_MONOTONIC, ns); "wrong B": bytes that differ; "failed 0 TEXT".
struct SinkMessage {
  std::string word;
  std::uint64_t number = 0;
  std::string text;
};

Status send(tools::Channel& channel, const SinkMessage& message);
// Waits for a message; kDeadlineExceeded, kUnavailable; a "failed" message is an error.
Result<SinkMessage> receive(tools::Channel& channel, Nanos timeout);
Result<std::uint64_t> expect(tools::Channel& channel, const std::string& word, Nanos timeout);

}  // namespace pegaflow::bench
