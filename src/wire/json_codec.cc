#include "wire/json_codec.h"

#include "base/hex.h"
#include "wire/kv_shape_json.h"

namespace pegaflow::wire {

std::string hex_text(std::uint64_t number) {
  std::array<std::uint8_t, 8> bytes{};
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    bytes[i] = static_cast<std::uint8_t>(number >> (56 - 8 * i));
  }
  return to_hex(bytes);
}

std::string clean_reason(std::string_view text) {
  std::string clean(text.substr(0, kMaxReasonBytes));
  for (char& c : clean) {
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7F) c = ' ';
  }
  return clean;
}

Error too_long(std::size_t bytes, std::size_t max_bytes, Code code) {
  return {code, "a set-up message of " + std::to_string(bytes) + " bytes, expected at most " +
                    std::to_string(max_bytes)};
}

nlohmann::json shape_value(const KvShape& shape) {
  return nlohmann::json::parse(shape_to_json(shape));
}

KvShape read_shape(const JsonView& view) {
  if (!view.present()) return {};
  auto shape = shape_from_json(json_text(view.raw()));
  if (shape.ok()) return *std::move(shape);
  const std::string& message = shape.error().message();  // "/pointer: what"
  const std::size_t colon = message.find(": ");
  if (message.starts_with('/') && colon != std::string::npos) {
    view.faults().add(view.pointer() + message.substr(0, colon), message.substr(colon + 2));
  } else {
    view.fault(message);
  }
  return {};
}

JsonReader::JsonReader(const JsonView& object) : object_(object) { object_.members(kMaxKeys); }

JsonView JsonReader::at(const char* name) {
  known_.insert(name);
  if (object_.present() && object_.raw().is_object() && !object_.has(name)) {
    object_.fault("the key \"" + std::string(name) + "\" is missing");
  }
  return object_[name];
}

void JsonReader::finish() const {
  if (!object_.present() || !object_.raw().is_object()) return;
  for (const auto& [key, view] : object_.members(kMaxKeys)) {
    if (!known_.contains(key)) view.fault("unknown key");
  }
}

}  // namespace pegaflow::wire
