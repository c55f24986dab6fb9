#include <string>
#include <unordered_set>
#include <vector>

#include "base/json_view.h"

namespace pegaflow {
namespace {

using nlohmann::json;

// Follows a parse to find keys given twice and nesting that is too deep.
class ParseWatch {
 public:
  explicit ParseWatch(JsonFaults& faults) : faults_(faults) {}

  bool operator()(int depth, json::parse_event_t event, const json& parsed) {
    switch (event) {
      case json::parse_event_t::object_start:
      case json::parse_event_t::array_start:
        if (static_cast<std::size_t>(depth) >= kMaxJsonDepth) too_deep_ = true;
        frames_.push_back({event == json::parse_event_t::object_start, {}, 0, {}});
        break;
      case json::parse_event_t::key:
        on_key(parsed.get<std::string>());
        break;
      case json::parse_event_t::object_end:
      case json::parse_event_t::array_end:
        frames_.pop_back();
        on_value();
        break;
      case json::parse_event_t::value:
        on_value();
        break;
    }
    return !too_deep_;  // false: keep nothing of it
  }

  void finish() const {
    if (too_deep_) {
      faults_.add("", "nested deeper than " + std::to_string(kMaxJsonDepth) + " levels");
    }
  }

 private:
  struct Frame {
    bool is_object;
    std::string key;                       // of an object: the one being read
    std::size_t index = 0;                 // of an array: the item being read
    std::unordered_set<std::string> seen;  // of an object: keys so far
  };

  std::string pointer() const {
    std::string out;
    for (const auto& frame : frames_) {
      out += '/' + (frame.is_object ? json_pointer_token(frame.key) : std::to_string(frame.index));
    }
    return out;
  }

  void on_key(std::string key) {
    Frame& frame = frames_.back();
    frame.key = std::move(key);
    if (!frame.seen.insert(frame.key).second) faults_.add(pointer(), "this key is there twice");
  }

  void on_value() {
    if (!frames_.empty()) ++frames_.back().index;
  }

  JsonFaults& faults_;
  std::vector<Frame> frames_;
  bool too_deep_ = false;
};

}  // namespace

std::string json_pointer_token(std::string_view token) {
  std::string out;
  for (const char c : token) {
    if (c == '~') {
      out += "~0";
    } else if (c == '/') {
      out += "~1";
    } else {
      out += c;
    }
  }
  return out;
}

Result<json> parse_json(std::string_view text) {
  JsonFaults faults;
  ParseWatch watch(faults);
  try {
    auto value = json::parse(text.begin(), text.end(),
                             [&](int depth, json::parse_event_t event, json& parsed) {
                               return watch(depth, event, parsed);
                             });
    watch.finish();
    PEGAFLOW_TRY(faults.status(Code::kProtocol));
    return value;
  } catch (const json::exception& error) {
    return Error(Code::kProtocol, std::string("not JSON: ") + error.what());
  }
}

std::string json_text(const json& value) {
  return value.dump(-1, ' ', false, json::error_handler_t::replace);
}

}  // namespace pegaflow
