#include "transport/blob.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <array>

namespace pegaflow::transport {
namespace {

Blob bytes_of(const std::vector<std::uint8_t>& values) {
  Blob blob;
  for (const auto value : values) blob.push_back(static_cast<std::byte>(value));
  return blob;
}

RC_GTEST_PROP(Blobs, unwrap_to_what_was_wrapped, (const std::vector<std::uint8_t>& values)) {
  const auto payload = bytes_of(values);
  const auto wrapped = wrap_blob(BlobKind::kUcxAddress, payload).value();
  const auto unwrapped = unwrap_blob(BlobKind::kUcxAddress, wrapped).value();
  RC_ASSERT(Blob(unwrapped.begin(), unwrapped.end()) == payload);
}

TEST(Blobs, refuse_every_flipped_bit) {
  const auto wrapped = wrap_blob(BlobKind::kUcxAddress, bytes_of({1, 2, 3, 4, 5})).value();
  for (std::size_t bit = 0; bit < wrapped.size() * 8; ++bit) {
    auto damaged = wrapped;
    damaged[bit / 8] ^= static_cast<std::byte>(1U << bit % 8);
    const auto result = unwrap_blob(BlobKind::kUcxAddress, damaged);
    ASSERT_FALSE(result.ok()) << bit;
    ASSERT_EQ(result.error().code(), Code::kProtocol) << bit;
  }
}

TEST(Blobs, refuse_every_other_length) {
  const auto wrapped = wrap_blob(BlobKind::kUcxAddress, bytes_of({1, 2, 3})).value();
  for (std::size_t size = 0; size < wrapped.size(); ++size) {
    const auto cut = std::span(wrapped).first(size);
    ASSERT_EQ(unwrap_blob(BlobKind::kUcxAddress, cut).error().code(), Code::kProtocol);
  }
  auto longer = wrapped;
  longer.push_back(std::byte{0});
  EXPECT_EQ(unwrap_blob(BlobKind::kUcxAddress, longer).error().code(), Code::kProtocol);
  longer.resize(kMaxBlobBytes + 1);
  EXPECT_EQ(unwrap_blob(BlobKind::kUcxAddress, longer).error().code(), Code::kProtocol);
}

TEST(Blobs, refuse_another_kind_and_say_which) {
  const auto wrapped = wrap_blob(BlobKind::kLoopbackAddress, bytes_of({1})).value();
  const auto result = unwrap_blob(BlobKind::kUcxAddress, wrapped);
  ASSERT_FALSE(result.ok());
  EXPECT_EQ(result.error().message(), "transport blob refused: its kind is 3, expected 1");
}

TEST(Blobs, are_not_made_longer_than_the_limit) {
  EXPECT_TRUE(wrap_blob(BlobKind::kUcxAddress, Blob(kMaxBlobBytes - 16)).ok());
  EXPECT_EQ(wrap_blob(BlobKind::kUcxAddress, Blob(kMaxBlobBytes - 15)).error().code(),
            Code::kResourceExhausted);
}

TEST(MemoryKeys, carry_address_length_and_rkey) {
  const auto rkey = bytes_of({9, 8, 7});
  const auto wrapped =
      wrap_memory_key(BlobKind::kUcxMemoryKey, {.base = 4096, .length = 512, .rkey = rkey}).value();
  const auto key = unwrap_memory_key(BlobKind::kUcxMemoryKey, wrapped).value();
  EXPECT_EQ(key.base, 4096U);
  EXPECT_EQ(key.length, 512U);
  EXPECT_EQ(Blob(key.rkey.begin(), key.rkey.end()), rkey);
}

TEST(MemoryKeys, refuse_a_range_that_is_none) {
  const auto rkey = bytes_of({1});
  const auto code_of = [&](std::uint64_t base, std::uint64_t length, const Blob& key) {
    const auto wrapped =
        wrap_memory_key(BlobKind::kUcxMemoryKey, {.base = base, .length = length, .rkey = key})
            .value();
    const auto result = unwrap_memory_key(BlobKind::kUcxMemoryKey, wrapped);
    return result.ok() ? Code::kInternal : result.error().code();
  };
  EXPECT_EQ(code_of(4096, 0, rkey), Code::kProtocol);
  EXPECT_EQ(code_of(~std::uint64_t{0} - 10, 12, rkey), Code::kProtocol);
  EXPECT_EQ(code_of(4096, 1, {}), Code::kProtocol);
}

}  // namespace
}  // namespace pegaflow::transport
