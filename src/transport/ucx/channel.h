// The kinds of tagged messages on a link. Each has one tag, so UCX matches each in the order of
// arrival, and fixed buffers on both sides.
#pragma once

#include <ucp/api/ucp_def.h>

#include <cstddef>

#include "transport/transport.h"

namespace pegaflow::transport {

struct Channel {
  ucp_tag_t tag;
  std::size_t buffers;       // of each side
  std::size_t buffer_bytes;  // the longest message
};

// What send() sends.
inline constexpr Channel kMessages{0x5046'0001, kPrepostedReceives, kMaxMessageBytes};

// PutNotice (put_notice.h): announces emulated puts and flushes, and answers the latter.
inline constexpr std::size_t kPutNoticeBytes = 32;
inline constexpr Channel kPutNotices{0x5046'0002, 2 * kMaxUnfinishedPuts, kPutNoticeBytes};

// The bytes of an emulated put, right behind its notice; they are received in place.
inline constexpr ucp_tag_t kPutBytesTag = 0x5046'0003;

}  // namespace pegaflow::transport
