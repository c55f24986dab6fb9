#include "wire/control.h"

#include <cstring>

#include "base/bytes.h"
#include "base/crc32c.h"
#include "base/mend.h"
#include "wire/control_fields.h"

namespace pegaflow::wire {
namespace {

// magic, version, type, flags, length, sequence, ack, incarnation, epoch, crc
constexpr std::size_t kHeaderBytes = 36;
constexpr std::size_t kCrcOffset = 32;

constexpr std::array<std::string_view, kControlTypes> kNames{
    "",       "PING",  "PONG",   "INTEND", "OFFERED", "REFUSE",   "REVOKE",  "GRANT", "WANT",
    "CREDIT", "CHUNK", "RETURN", "DONE",   "ABORT",   "QUIESCED", "RELEASE", "DRAIN"};

// A message's type is its place in the variant, from 1.
static_assert(std::variant_size_v<ControlMessage> + 1 == kControlTypes);
static_assert(std::same_as<std::variant_alternative_t<
                               static_cast<std::size_t>(ControlType::kDrain) - 1, ControlMessage>,
                           Drain>);
static_assert(std::same_as<std::variant_alternative_t<
                               static_cast<std::size_t>(ControlType::kGrant) - 1, ControlMessage>,
                           Grant>);

void write_header(const ControlHeader& header, std::uint8_t type, std::size_t length,
                  std::span<std::byte> out) {
  ByteWriter writer(out);
  writer.put(kControlMagic);
  writer.put(header.version);
  writer.put(type);
  writer.put(header.flags);
  writer.put(static_cast<std::uint32_t>(length));
  writer.put(header.sequence);
  writer.put(header.ack);
  writer.put(header.incarnation.value);
  writer.put(header.sender_epoch.value);
}

// Over the whole message, as if the field itself were zero.
std::uint32_t crc_of(std::span<const std::byte> message) {
  constexpr std::array<std::byte, sizeof(std::uint32_t)> kZero{};
  const std::uint32_t head = crc32c(message.first(kCrcOffset));
  return crc32c(message.subspan(kHeaderBytes), crc32c(kZero, head));
}

Error bad(const std::string& what, std::uint64_t got, const std::string& expected) {
  return {Code::kProtocol,
          "control message: " + what + " is " + std::to_string(got) + ", expected " + expected};
}

struct RawHeader {
  ControlHeader header;
  std::uint32_t magic = 0, length = 0, crc = 0;
};

RawHeader read_header(std::span<const std::byte> in) {
  ByteReader reader(in);
  RawHeader raw;
  raw.magic = reader.get<std::uint32_t>();
  raw.header.version = reader.get<std::uint16_t>();
  raw.header.type = reader.get<std::uint8_t>();
  raw.header.flags = reader.get<std::uint8_t>();
  raw.length = reader.get<std::uint32_t>();
  raw.header.sequence = reader.get<std::uint32_t>();
  raw.header.ack = reader.get<std::uint32_t>();
  raw.header.incarnation.value = reader.get<std::uint32_t>();
  raw.header.sender_epoch.value = reader.get<std::uint64_t>();
  raw.crc = reader.get<std::uint32_t>();
  return raw;
}

Status check_frame(const RawHeader& raw, std::span<const std::byte> in) {
  if (raw.magic != kControlMagic) return bad("magic", raw.magic, std::to_string(kControlMagic));
  if (raw.header.version != kControlVersion) {
    return bad("version", raw.header.version, std::to_string(kControlVersion));
  }
  if (raw.length != in.size()) return bad("length", raw.length, std::to_string(in.size()));
  const std::uint32_t crc = crc_of(in);
  if (raw.crc != crc) return bad("checksum", raw.crc, std::to_string(crc));
  if ((raw.header.flags & ~kIgnorableFlag) != 0) return bad("flags", raw.header.flags, "0 or 1");
  return {};
}

}  // namespace

Result<std::size_t> encode_control(const ControlHeader& header, const ControlMessage& message,
                                   std::span<std::byte, kMaxControlBytes> out) {
  if (header.version != kControlVersion || (header.flags & ~kIgnorableFlag) != 0) {
    return Error(Code::kInvalidArgument,
                 "control message: this build writes version " + std::to_string(kControlVersion) +
                     " with flags 0 or 1, asked for version " + std::to_string(header.version) +
                     " with flags " + std::to_string(header.flags));
  }
  FieldWriter body(out.subspan(kHeaderBytes));
  std::visit([&](const auto& alternative) { fields(body, alternative); }, message);
  const auto type = static_cast<std::uint8_t>(message.index() + 1);
  if (const Status status = body.finish(); !status.ok()) {
    return status.error().within(control_name(type));
  }
  const std::size_t length = kHeaderBytes + body.size();
  write_header(header, type, length, out);
  const std::uint32_t crc = crc_of(out.first(length));
  std::memcpy(out.data() + kCrcOffset, &crc, sizeof crc);
  return length;
}

bool mend_control(std::span<std::byte> message) {
  if (message.size() < kHeaderBytes || message.size() > kMaxControlBytes) return false;
  return mend_one_bit(message, [message] { return read_header(message).crc == crc_of(message); });
}

Result<DecodedControl> decode_control(std::span<const std::byte> in) {
  if (in.size() < kHeaderBytes || in.size() > kMaxControlBytes) {
    return bad("size", in.size(),
               std::to_string(kHeaderBytes) + " to " + std::to_string(kMaxControlBytes));
  }
  const RawHeader raw = read_header(in);
  PEGAFLOW_TRY(check_frame(raw, in));
  DecodedControl decoded{raw.header, Ping{}, false};
  if (raw.header.type == 0 || raw.header.type >= kControlTypes) {
    decoded.skipped = (raw.header.flags & kIgnorableFlag) != 0;
    if (!decoded.skipped)
      return bad("type", raw.header.type, "1 to " + std::to_string(kControlTypes - 1));
    return decoded;
  }
  FieldReader body(in.subspan(kHeaderBytes));
  read_alternative(body, raw.header.type - 1U, decoded.message);
  if (const Status status = body.finish(); !status.ok()) {
    return status.error().within(control_name(raw.header.type));
  }
  return decoded;
}

std::string_view control_name(std::uint8_t type) {
  return type > 0 && type < kControlTypes ? kNames[type] : "UNKNOWN";
}

}  // namespace pegaflow::wire
