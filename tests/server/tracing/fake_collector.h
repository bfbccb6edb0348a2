// A trace collector for tests, on loopback.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"

namespace httplib {
class Server;
}

namespace vitok {

// Records what is posted to /v1/traces and answers with 200, unless told otherwise. Thread-safe.
class FakeCollector {
 public:
  struct Reply {
    int status = 200;
    std::string body = "{}";
    std::map<std::string, std::string> headers = {};
  };

  FakeCollector();
  ~FakeCollector();
  FakeCollector(const FakeCollector&) = delete;
  FakeCollector& operator=(const FakeCollector&) = delete;

  const std::string& endpoint() const { return endpoint_; }  // "http://127.0.0.1:41234"

  // Called for each request, `number` from 0 on; may block.
  void SetReply(std::function<Reply(int number)> reply);

  int requests() const;
  std::vector<nlohmann::json> bodies() const;  // of requests, answered or not
  std::vector<nlohmann::json> spans() const;   // of all bodies
  std::string content_type() const;            // of the last request

 private:
  Reply Answer(const std::string& body, const std::string& content_type);

  const std::unique_ptr<httplib::Server> server_;
  std::string endpoint_;
  mutable absl::Mutex mutex_;
  std::function<Reply(int number)> reply_ ABSL_GUARDED_BY(mutex_);
  std::vector<nlohmann::json> bodies_ ABSL_GUARDED_BY(mutex_);
  std::string content_type_ ABSL_GUARDED_BY(mutex_);
  std::thread thread_;  // last: it uses all of the above
};

// A port on loopback at which nobody listens, and nobody else will: connections are refused.
class ClosedPort {
 public:
  ClosedPort();
  ~ClosedPort();
  ClosedPort(const ClosedPort&) = delete;
  ClosedPort& operator=(const ClosedPort&) = delete;

  std::string endpoint() const;

 private:
  const int fd_;
};

}  // namespace vitok
