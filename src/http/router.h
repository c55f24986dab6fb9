// Which handler answers a method and path. Internal to this folder.
#pragma once

#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "http/server.h"

namespace pegaflow::http {

class Router {
 public:
  struct Route {
    std::string method;
    std::string pattern;
    std::vector<std::string> segments;  // "{name}" for a parameter
    Handler handler;
  };
  struct Match {
    const Route* route = nullptr;  // null: none
    NamedValues parameters;
    std::string allowed;  // when another method would match: "GET, PUT"
  };

  // REQUIRES: the pattern starts with '/', and its names are unique.
  void add(std::string_view method, std::string_view pattern, Handler handler);
  Match find(std::string_view method, const std::vector<std::string>& segments) const;

 private:
  std::vector<Route> routes_;
};

}  // namespace pegaflow::http
