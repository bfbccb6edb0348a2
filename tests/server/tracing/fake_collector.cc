#include "tests/server/tracing/fake_collector.h"

#include <httplib.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdlib>

#include "core/base/str_cat.h"

namespace vitok {

FakeCollector::FakeCollector() : server_(std::make_unique<httplib::Server>()) {
  server_->new_task_queue = [] { return new httplib::ThreadPool(2); };
  server_->set_keep_alive_timeout(1);
  server_->set_socket_options([](socket_t) {});  // the library's default lets two servers share a port
  server_->Post("/v1/traces", [this](const httplib::Request& request, httplib::Response& response) {
    const Reply reply = Answer(request.body, request.get_header_value("Content-Type"));
    response.status = reply.status;
    for (const auto& [name, value] : reply.headers) response.set_header(name, value);
    response.set_content(reply.body, "application/json");
  });
  endpoint_ = StrCat("http://127.0.0.1:", server_->bind_to_any_port("127.0.0.1"));
  thread_ = std::thread([this] { server_->listen_after_bind(); });
  while (!server_->is_running()) std::this_thread::yield();
}

FakeCollector::~FakeCollector() {
  server_->stop();
  thread_.join();
}

void FakeCollector::SetReply(std::function<Reply(int number)> reply) {
  absl::MutexLock lock(&mutex_);
  reply_ = std::move(reply);
}

FakeCollector::Reply FakeCollector::Answer(const std::string& body, const std::string& content_type) {
  std::function<Reply(int number)> reply;
  int number = 0;
  {
    absl::MutexLock lock(&mutex_);
    reply = reply_;
    number = static_cast<int>(bodies_.size());
    bodies_.push_back(nlohmann::json::parse(body, nullptr, /*allow_exceptions=*/false));
    content_type_ = content_type;
  }
  return reply ? reply(number) : Reply();
}

int FakeCollector::requests() const {
  absl::MutexLock lock(&mutex_);
  return static_cast<int>(bodies_.size());
}

std::vector<nlohmann::json> FakeCollector::bodies() const {
  absl::MutexLock lock(&mutex_);
  return bodies_;
}

std::vector<nlohmann::json> FakeCollector::spans() const {
  std::vector<nlohmann::json> spans;
  for (const nlohmann::json& body : bodies()) {
    const nlohmann::json& list = body.at("resourceSpans").at(0).at("scopeSpans").at(0).at("spans");
    spans.insert(spans.end(), list.begin(), list.end());
  }
  return spans;
}

std::string FakeCollector::content_type() const {
  absl::MutexLock lock(&mutex_);
  return content_type_;
}

ClosedPort::ClosedPort() : fd_(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
  sockaddr_in loopback = {};
  loopback.sin_family = AF_INET;
  loopback.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (bind(fd_, reinterpret_cast<const sockaddr*>(&loopback), sizeof(loopback)) != 0) std::abort();
}

ClosedPort::~ClosedPort() { close(fd_); }

std::string ClosedPort::endpoint() const {
  sockaddr_in bound = {};
  socklen_t size = sizeof(bound);
  getsockname(fd_, reinterpret_cast<sockaddr*>(&bound), &size);
  return StrCat("http://127.0.0.1:", ntohs(bound.sin_port));
}

}  // namespace vitok
