// A hub of models and data sets with its content network, on two ports of loopback, which misbehaves on command.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "absl/synchronization/notification.h"

namespace httplib {
class Server;
struct Request;
struct Response;
}  // namespace httplib

namespace vitok {

// Serves while it lives. Set it up before the first request; thread-safe afterwards.
//
//   FakeHub hub;
//   const std::string commit = hub.AddCommit("org/model", "main", {{"encoder.safetensors", "bytes"}});
//   hub.on_content = CutOnce(100);
class FakeHub {
 public:
  // One request, as it came.
  struct Seen {
    std::string place;                           // "hub", "content" or "api"
    std::string method;                          // "HEAD" or "GET"
    std::string file;                            // of "api": the path
    std::map<std::string, std::string> headers;  // names in lower case

    std::string Header(const std::string& name) const;
  };
  // May answer in place of the hub: true if it did. `count` is 1 for the first request of this file and kind.
  using Handler = std::function<bool(const httplib::Request&, httplib::Response&, int count)>;
  using Files = std::map<std::string, std::string>;  // name to bytes

  FakeHub();
  ~FakeHub();
  FakeHub(const FakeHub&) = delete;
  FakeHub& operator=(const FakeHub&) = delete;

  // A commit with these files, to which the branch leads from now on. Data sets are "datasets/org/repo". Large files
  // are served from the content network under their SHA-256; those that end in .json by the hub itself, under another
  // etag.
  std::string AddCommit(const std::string& repository, const std::string& branch, const Files& files);

  // What the hub says of the Parquet files of a data set ("org/repo"): JSON. Their URLs of the form
  // "/api/datasets/org/repo/parquet/CONFIG/SPLIT/3.parquet" lead to CONFIG/SPLIT/0003.parquet or
  // CONFIG/partial-SPLIT/0003.parquet of its branch refs/convert/parquet.
  void SetParquetList(const std::string& repository, const std::string& json);

  // "http://127.0.0.1:PORT".
  const std::string& endpoint() const { return endpoint_; }
  const std::string& content_endpoint() const { return content_endpoint_; }

  std::vector<Seen> seen() const;
  int Count(const std::string& method) const;  // requests so far

  // What a handler calls to answer never: returns when the hub ends.
  void Hang() const { end_.WaitForNotification(); }

  // For HEAD and GET of files at the hub, GET at the content network, and both of paths below /api. Empty: the hub
  // behaves.
  Handler on_head, on_get, on_content, on_api;
  // Where HEAD and GET lead for large files; empty: to the content network.
  std::function<std::string(const std::string& file)> redirect;
  // Answers large files itself, as simple mirrors do.
  bool is_mirror = false;

 private:
  struct Commit {
    std::string repository;
    Files files;
  };

  // The revision and the file that "main/a/b.tar" names.
  std::pair<std::string, std::string> SplitPath(const std::string& repository, const std::string& path) const;
  void ServeApi(const httplib::Request& request, httplib::Response& response);
  void ServeHub(const httplib::Request& request, httplib::Response& response);
  void ServeContent(const httplib::Request& request, httplib::Response& response);
  int Record(const std::string& place, const std::string& file, const httplib::Request& request);

  mutable absl::Mutex mutex_;
  std::map<std::string, Commit> commits_ ABSL_GUARDED_BY(mutex_);             // by their digits
  std::map<std::string, std::string> branches_ ABSL_GUARDED_BY(mutex_);       // "org/model@main" to the commit
  std::map<std::string, std::string> parquet_lists_ ABSL_GUARDED_BY(mutex_);  // by "org/repo"
  std::vector<Seen> seen_ ABSL_GUARDED_BY(mutex_);
  absl::Notification end_;
  std::string endpoint_, content_endpoint_;
  std::unique_ptr<httplib::Server> hub_, content_;
  std::thread hub_thread_, content_thread_;
};

// Bytes of a file that differ from one place to the next.
std::string TestBytes(size_t size, int seed = 1);

// Forgets the range that was asked for, so that all is sent.
void IgnoreRange(const httplib::Request& request);

// Sends `bytes` up to `end` (an offset in the file) and closes the connection.
void SendCut(const std::string& bytes, size_t end, httplib::Response& response);

// Answers as if no range had been asked for.
void SendAll(const httplib::Request& request, const std::string& bytes, httplib::Response& response);

}  // namespace vitok
