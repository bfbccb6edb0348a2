#include "server/http_endpoint.h"

#include <httplib.h>
#include <sys/socket.h>

#include <utility>

#include "core/base/named_thread.h"
#include "core/base/status_macros.h"
#include "core/base/str_cat.h"
#include "server/listen_address.h"

namespace vitok {
namespace {

constexpr size_t kThreads = 4;
constexpr size_t kMaxRequestBytes = 4096;
constexpr time_t kPatienceSeconds = 2;  // for a client that sends or takes nothing

}  // namespace

HttpEndpoint::HttpEndpoint() : server_(std::make_unique<httplib::Server>()) {}

absl::StatusOr<std::unique_ptr<HttpEndpoint>> HttpEndpoint::Create(const std::string& address,
                                                                   std::map<std::string, HttpHandler> routes) {
  VITOK_ASSIGN_OR_RETURN(const ListenAddress parsed, ParseListenAddress(address));
  VITOK_RETURN_IF_ERROR(PrepareToBind(parsed));
  std::unique_ptr<HttpEndpoint> endpoint(new HttpEndpoint);
  httplib::Server& server = *endpoint->server_;
  server.new_task_queue = [] { return new httplib::ThreadPool(kThreads); };
  server.set_keep_alive_max_count(1);
  server.set_keep_alive_timeout(kPatienceSeconds);
  server.set_read_timeout(kPatienceSeconds);
  server.set_write_timeout(kPatienceSeconds);
  server.set_payload_max_length(kMaxRequestBytes);
  // The library's default lets two servers share a port unnoticed.
  server.set_socket_options([](socket_t socket) {
    const int yes = 1;
    setsockopt(socket, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes));
  });
  // What the pages say is true for a moment only; and they need nothing from elsewhere.
  server.set_default_headers({{"Cache-Control", "no-store"},
                              {"Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'"},
                              {"X-Content-Type-Options", "nosniff"}});
  for (auto& [path, handler] : routes) {
    server.Get(path, [handler = std::move(handler)](const httplib::Request&, httplib::Response& response) {
      HttpReply reply = handler();
      response.status = reply.status;
      response.set_content(std::move(reply.body), reply.content_type);
    });
  }
  int port = parsed.port;
  const bool bound =
      port == 0 ? (port = server.bind_to_any_port(parsed.host)) > 0 : server.bind_to_port(parsed.host, port);
  if (!bound) return absl::UnavailableError(StrCat("cannot listen on ", address));
  endpoint->address_ = parsed.ToString(port);
  endpoint->thread_ = NamedThread("vitok-http", [&server] { server.listen_after_bind(); });
  while (!server.is_running()) std::this_thread::yield();  // before this, stop() does nothing
  return endpoint;
}

HttpEndpoint::~HttpEndpoint() {
  if (!thread_.joinable()) return;
  server_->stop();
  thread_.join();
}

}  // namespace vitok
