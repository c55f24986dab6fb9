// ByteWriter and ByteReader: little-endian integers and byte runs in bounded buffers.
// A reader never reads past its end: the first short read makes `ok()` false and all later reads
// return zero, so a decoder may read a whole message and check once.
#pragma once

#include <array>
#include <bit>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <string_view>

namespace pegaflow {

static_assert(std::endian::native == std::endian::little, "formats are copied as they lie");

class ByteWriter {
 public:
  explicit ByteWriter(std::span<std::byte> out) : out_(out) {}

  template <std::unsigned_integral T>
  void put(T value) {
    put_bytes({reinterpret_cast<const std::byte*>(&value), sizeof value});
  }
  template <std::size_t N>
  void put(const std::array<std::uint8_t, N>& bytes) {
    put_bytes(std::as_bytes(std::span(bytes)));
  }
  void put_bytes(std::span<const std::byte> bytes) {
    if (bytes.size() > out_.size() - used_) {
      ok_ = false;
      return;
    }
    if (!bytes.empty()) std::memcpy(out_.data() + used_, bytes.data(), bytes.size());
    used_ += bytes.size();
  }
  // u8 length, then the bytes; at most 255.
  void put_short_string(std::string_view text) {
    if (text.size() > 255) ok_ = false;
    put(static_cast<std::uint8_t>(text.size()));
    put_bytes(std::as_bytes(std::span(text)));
  }

  bool ok() const { return ok_; }  // false: something did not fit
  std::size_t size() const { return used_; }
  std::span<std::byte> written() const { return out_.first(used_); }

 private:
  std::span<std::byte> out_;
  std::size_t used_ = 0;
  bool ok_ = true;
};

class ByteReader {
 public:
  explicit ByteReader(std::span<const std::byte> in) : in_(in) {}

  template <std::unsigned_integral T>
  T get() {
    T value{};
    const auto bytes = get_bytes(sizeof value);
    if (!bytes.empty()) std::memcpy(&value, bytes.data(), sizeof value);
    return value;
  }
  template <std::size_t N>
  std::array<std::uint8_t, N> get_array() {
    std::array<std::uint8_t, N> value{};
    const auto bytes = get_bytes(N);
    if (!bytes.empty()) std::memcpy(value.data(), bytes.data(), N);
    return value;
  }
  std::string get_short_string() {
    const auto bytes = get_bytes(get<std::uint8_t>());
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
  }
  // The next n bytes, or none (and ok() false) when fewer are left.
  std::span<const std::byte> get_bytes(std::size_t n) {
    if (!ok_ || n > in_.size()) {
      ok_ = false;
      return {};
    }
    const auto head = in_.first(n);
    in_ = in_.subspan(n);
    return head;
  }
  std::size_t left() const { return in_.size(); }
  bool ok() const { return ok_; }
  // All was there and nothing is left over.
  bool finished() const { return ok_ && in_.empty(); }

 private:
  std::span<const std::byte> in_;
  bool ok_ = true;
};

}  // namespace pegaflow
