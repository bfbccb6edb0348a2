// A hub with a data set, which tests can spoil, and openers of its files.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <httplib.h>

#include <optional>
#include <string>
#include <vector>

#include "absl/synchronization/mutex.h"
#include "core/weights/hub_dataset.h"
#include "tests/support/fake_hub.h"

namespace vitok {

class HubDatasetTest : public testing::Test {
 protected:
  HubDatasetTest() {
    options_.endpoint = hub_.endpoint();
    options_.sleep = [this](absl::Duration duration) {
      absl::MutexLock lock(&mutex_);
      slept_.push_back(duration);
    };
    commit_ =
        hub_.AddCommit("datasets/org/data", "main", {{"train/0.tar", bytes_}, {"train/empty", ""}, {"a.json", "{}"}});
  }

  // Those of the options as they are at the first call.
  const HubDatasetOpeners& openers() {
    if (!openers_.has_value()) openers_ = MakeHubDatasetOpeners(options_);
    return *openers_;
  }

  absl::StatusOr<std::unique_ptr<ByteStream>> OpenAt(int64_t offset, const std::string& name = kName) {
    return openers().stream(name, offset);
  }

  // What a stream gives before it ends, and how it ends.
  struct Outcome {
    std::string bytes;
    absl::Status status;
  };
  static Outcome Drain(ByteStream& stream) {
    Outcome outcome;
    std::string buffer(9'999, ' ');
    while (true) {
      const absl::StatusOr<int64_t> got = stream.Read(absl::MakeSpan(buffer));
      outcome.status = got.status();
      if (!got.ok() || *got == 0) return outcome;
      outcome.bytes.append(buffer, 0, *got);
    }
  }
  Outcome ReadFrom(int64_t offset, const std::string& name = kName) {
    const absl::StatusOr<std::unique_ptr<ByteStream>> stream = OpenAt(offset, name);
    return stream.ok() ? Drain(**stream) : Outcome{.status = stream.status()};
  }

  void ExpectBytesFrom(int64_t offset, const std::string& name = kName) {
    const Outcome outcome = ReadFrom(offset, name);
    EXPECT_TRUE(outcome.status.ok()) << outcome.status;
    EXPECT_TRUE(outcome.bytes == bytes_.substr(std::min<size_t>(offset, bytes_.size()))) << outcome.bytes.size();
  }

  // The file is read up to some byte and then ends with this error, which begins with its name.
  void ExpectError(absl::StatusCode code, const std::string& text) {
    const Outcome outcome = ReadFrom(0);
    EXPECT_EQ(outcome.status.code(), code) << outcome.status;
    EXPECT_THAT(std::string(outcome.status.message()),
                testing::AllOf(testing::StartsWith(std::string(kName) + ": "), testing::HasSubstr(text)));
    EXPECT_TRUE(bytes_.starts_with(outcome.bytes)) << "bytes of something else were given";
  }

  // Of the requests to a place; those of the content network are for bytes.
  std::vector<std::string> HeadersAt(const std::string& place, const std::string& header) const {
    std::vector<std::string> values;
    for (const FakeHub::Seen& seen : hub_.seen()) {
      if (seen.place == place) values.push_back(seen.Header(header));
    }
    return values;
  }
  std::vector<std::string> Ranges() const { return HeadersAt("content", "range"); }

  std::vector<absl::Duration> slept() const {
    absl::MutexLock lock(&mutex_);
    return slept_;
  }

  // A place answers with this code for the first `times` times.
  static FakeHub::Handler Code(int code, int times, const std::string& header = "", const std::string& value = "") {
    return [=](const httplib::Request&, httplib::Response& response, int count) {
      if (count > times) return false;
      response.status = code;
      if (!header.empty()) response.set_header(header.c_str(), value);
      return true;
    };
  }

  // The hub says all of a file but its size.
  FakeHub::Handler AnswersWithoutSize() const {
    return [this](const httplib::Request&, httplib::Response& response, int) {
      response.set_header("X-Repo-Commit", commit_);
      response.set_header("X-Linked-Etag", "\"e\"");
      response.set_header("Location", hub_.content_endpoint());
      response.status = 302;
      return true;
    };
  }

  static constexpr char kName[] = "hf://org/data/train/0.tar";
  const std::string bytes_ = TestBytes(70'000, 1);
  mutable absl::Mutex mutex_;
  std::vector<absl::Duration> slept_ ABSL_GUARDED_BY(mutex_);
  FakeHub hub_;
  HubOptions options_;
  std::string commit_;

 private:
  std::optional<HubDatasetOpeners> openers_;  // before the hub: who closes first does not wait for the other
};

}  // namespace vitok
