// A client that knows the answers: it asks for each of some images once while the server is quiet, prints "ready", then
// asks for them again and again beside other load and compares the answers bit for bit. Results on the CPU do not
// depend on what else is in a batch. Prints one line of JSON at the end.
#include <CLI/CLI.hpp>
#include <atomic>
#include <iostream>
#include <map>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/clock.h"
#include "client/bench/size_distribution.h"
#include "client/bench/synthetic_image.h"
#include "client/tokenizer_client.h"
#include "core/base/status_macros.h"
#include "core/base/str_cat.h"
#include "nlohmann/json.hpp"

namespace vitok {
namespace {

struct Options {
  std::string server = "127.0.0.1:8500";
  std::string sizes = "uniform:64-512";
  int images = 8;
  int clients = 4;
  double rate_per_s = 10;
  double seconds = 10;
};

class Checker {
 public:
  static absl::StatusOr<std::unique_ptr<Checker>> Create(const Options& options) {
    VITOK_ASSIGN_OR_RETURN(std::unique_ptr<TokenizerClient> client, TokenizerClient::Create(options.server));
    VITOK_ASSIGN_OR_RETURN(const SizeDistribution sizes, SizeDistribution::Parse(options.sizes));
    std::unique_ptr<Checker> checker(new Checker(options, std::move(client)));
    Random random(1);
    for (const ImageSize& size : sizes.Draw(options.images, &random)) {
      checker->cases_.emplace_back();
      Case& item = checker->cases_.back();
      item.image = MakeSyntheticImage(size, &random);
      VITOK_ASSIGN_OR_RETURN(const EncodeResult encoded, checker->client_->Encode(item.image));
      VITOK_ASSIGN_OR_RETURN(const PictureResult decoded, checker->client_->Decode(encoded.latents));
      item.latents = encoded.latents;
      item.pixels = std::get<HostTensor>(decoded.picture.content);
    }
    return checker;
  }

  // Asks for `seconds`, `rate_per_s` times a second, or as often as `clients` calls at a time can.
  void Run() {
    const absl::Time start = absl::Now();
    std::atomic<int64_t> next{0};
    std::vector<std::thread> clients;
    for (int i = 0; i < options_.clients; ++i) {
      clients.emplace_back([this, start, &next] {
        while (true) {
          const int64_t number = next++;
          const absl::Duration due = absl::Seconds(static_cast<double>(number) / options_.rate_per_s);
          if (due >= absl::Seconds(options_.seconds) || absl::Now() - start >= absl::Seconds(options_.seconds)) return;
          absl::SleepFor(start + due - absl::Now());
          Check(number);
        }
      });
    }
    for (std::thread& client : clients) client.join();
  }

  nlohmann::json Report() const {
    absl::MutexLock lock(&mutex_);
    return {{"checked", checked_}, {"wrong", wrong_}, {"errors", errors_}};
  }

 private:
  struct Case {
    RgbImage image;
    Latents latents;    // of the image
    HostTensor pixels;  // of the latents
  };

  Checker(const Options& options, std::unique_ptr<TokenizerClient> client)
      : options_(options), client_(std::move(client)) {}

  void Check(int64_t number) {
    const Case& item = cases_[number / 3 % cases_.size()];
    if (number % 3 == 0) {
      Record(client_->Encode(item.image), [&](const EncodeResult& result) { return result.latents == item.latents; });
      return;
    }
    const auto is_right = [&](const PictureResult& result) {
      const auto* pixels = std::get_if<HostTensor>(&result.picture.content);
      return pixels != nullptr && *pixels == item.pixels;
    };
    if (number % 3 == 1) {
      Record(client_->Decode(item.latents), is_right);
    } else {
      Record(client_->Reconstruct(item.image), is_right);
    }
  }

  template <typename Result, typename Predicate>
  void Record(const absl::StatusOr<Result>& result, Predicate is_right) {
    const bool wrong = result.ok() && !is_right(*result);
    absl::MutexLock lock(&mutex_);
    if (!result.ok()) {
      ++errors_[absl::StatusCodeToString(result.status().code())];
      return;
    }
    ++checked_;
    wrong_ += wrong ? 1 : 0;
  }

  const Options options_;
  const std::unique_ptr<TokenizerClient> client_;
  std::vector<Case> cases_;
  mutable absl::Mutex mutex_;
  int64_t checked_ ABSL_GUARDED_BY(mutex_) = 0;
  int64_t wrong_ ABSL_GUARDED_BY(mutex_) = 0;
  std::map<std::string, int64_t> errors_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace
}  // namespace vitok

int main(int argc, char** argv) {
  vitok::Options options;
  CLI::App app("Asks a server for answers that are known and compares them bit for bit");
  app.add_option("--server", options.server, "host:port or unix:/path")->capture_default_str();
  app.add_option("--sizes", options.sizes, "Sizes of the images, as for `vitok bench`")->capture_default_str();
  app.add_option("--images", options.images, "Distinct ones")->capture_default_str()->check(CLI::PositiveNumber);
  app.add_option("--clients", options.clients, "Calls at a time")->capture_default_str()->check(CLI::PositiveNumber);
  app.add_option("--rate", options.rate_per_s, "Calls a second")->capture_default_str()->check(CLI::PositiveNumber);
  app.add_option("--seconds", options.seconds, "Of checking")->capture_default_str();
  CLI11_PARSE(app, argc, argv);
  const absl::StatusOr<std::unique_ptr<vitok::Checker>> checker = vitok::Checker::Create(options);
  if (!checker.ok()) {
    std::cerr << "answer_check: " << checker.status() << "\n";
    return 1;
  }
  std::cout << "ready" << std::endl;
  (*checker)->Run();
  std::cout << (*checker)->Report() << std::endl;
  return 0;
}
