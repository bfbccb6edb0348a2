#include "server/grpc_connections.h"

#include <grpc/grpc.h>
#include <grpc/support/alloc.h>

#include <memory>
#include <string>
#include <utility>

#include <nlohmann/json.hpp>

#include "absl/strings/numbers.h"

namespace vitok {
namespace {

constexpr intptr_t kPage = 500;

struct FreeText {
  void operator()(char* text) const { gpr_free(text); }
};

// Takes the text. Discarded (see nlohmann) if it is none or no JSON.
nlohmann::json Parse(char* text) {
  const std::unique_ptr<char, FreeText> owned(text);
  return nlohmann::json::parse(text == nullptr ? "" : text, nullptr, /*allow_exceptions=*/false);
}

// An id as channelz writes it: {"serverId": "3"}. -1: there is none.
intptr_t Id(const nlohmann::json& reference, const char* name) {
  int64_t id = -1;
  if (!reference.is_object() || !absl::SimpleAtoi(reference.value(name, ""), &id)) return -1;
  return static_cast<intptr_t>(id);
}

std::optional<int64_t> CountSockets(intptr_t server) {
  int64_t count = 0;
  for (intptr_t next = 0;;) {
    const nlohmann::json page = Parse(grpc_channelz_get_server_sockets(server, next, kPage));
    if (!page.is_object()) return std::nullopt;
    const nlohmann::json sockets = page.value("socketRef", nlohmann::json::array());
    count += static_cast<int64_t>(sockets.size());
    if (page.value("end", false) || sockets.empty()) return count;
    next = Id(sockets.back(), "socketId") + 1;
  }
}

}  // namespace

std::optional<int64_t> CountGrpcConnections() {
  int64_t count = 0;
  const nlohmann::json servers = Parse(grpc_channelz_get_servers(0));
  if (!servers.is_object()) return std::nullopt;
  for (const nlohmann::json& server : servers.value("server", nlohmann::json::array())) {
    const std::optional<int64_t> sockets = CountSockets(Id(server.value("ref", nlohmann::json()), "serverId"));
    // A server that ended meanwhile has none.
    count += sockets.value_or(0);
  }
  return count;
}

}  // namespace vitok
