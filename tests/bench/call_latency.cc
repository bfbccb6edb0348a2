// Latency of one client's calls, one after the other, end to end and inside the server: raw images, patch dicts and
// latents to a server, or an echo of as many bytes, all by the same code. Prints one line of JSON. (`vitok bench` sends
// no patch dicts and knows no echo.)
#include <CLI/CLI.hpp>
#include <iostream>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "client/bench/latency_histogram.h"
#include "client/bench/random_latents.h"
#include "client/bench/reply_summary.h"
#include "client/bench/synthetic_image.h"
#include "client/wire_format.h"
#include "core/base/str_cat.h"
#include "echo.grpc.pb.h"
#include "grpcpp/generic/generic_stub.h"
#include "grpcpp/grpcpp.h"
#include "nlohmann/json.hpp"
#include "vitok/v1/tokenizer.grpc.pb.h"

namespace vitok {
namespace {

constexpr int32_t kPatch_px = 16;
constexpr int32_t kLatentChannels = 64;

struct Options {
  std::string server = "127.0.0.1:8500";
  std::string call = "encode-raw";
  int32_t size_px = 256;
  int64_t request_bytes = 1;
  int64_t reply_bytes = 1;
  double warm_up_s = 0.5;
  double seconds = 2;
};

struct Request {
  std::string path;
  std::string message;
};

HostTensor Indices(int32_t side, bool rows) {
  HostTensor indices{.dtype = DType::kInt32, .shape = {int64_t{side} * side}};
  for (int32_t i = 0; i < side * side; ++i) {
    const int32_t value = rows ? i / side : i % side;
    indices.data.append(reinterpret_cast<const char*>(&value), sizeof(value));
  }
  return indices;
}

PatchDict MakePatchDict(const Options& options, Random* random) {
  const int32_t side = options.size_px / kPatch_px;
  PatchDict dict{.row_idx = Indices(side, /*rows=*/true), .col_idx = Indices(side, /*rows=*/false)};
  dict.patches.shape = {int64_t{side} * side, 3 * kPatch_px * kPatch_px};
  for (int64_t i = 0; i < dict.patches.shape[0] * dict.patches.shape[1]; ++i) {
    const float value = static_cast<float>(random->Uniform() * 2 - 1);
    dict.patches.data.append(reinterpret_cast<const char*>(&value), sizeof(value));
  }
  return dict;
}

Request MakeRequest(const Options& options) {
  const std::string service = StrCat("/", v1::Tokenizer::service_full_name(), "/");
  const ImageSize size = {options.size_px, options.size_px};
  Random random(1);
  if (options.call == "encode-raw") {
    return {service + "Encode", ToWire({MakeSyntheticImage(size, &random)}, EncodeParams()).SerializeAsString()};
  }
  if (options.call == "encode-patches") {
    return {service + "Encode", ToWire({MakePatchDict(options, &random)}, EncodeParams()).SerializeAsString()};
  }
  if (options.call == "reconstruct-raw") {
    return {service + "Reconstruct",
            ToWire({MakeSyntheticImage(size, &random)}, ReconstructParams()).SerializeAsString()};
  }
  if (options.call == "decode") {
    Latents latents = MakeRandomLatents(size, kPatch_px, kLatentChannels, DType::kFloat32, &random);
    return {service + "Decode", ToWire({std::move(latents)}, DecodeParams()).SerializeAsString()};
  }
  return {StrCat("/", bench::Echo::service_full_name(), "/Discard"), std::string(options.request_bytes, 'x')};
}

nlohmann::json InMicroseconds(const LatencyHistogram& histogram) {
  nlohmann::json json;
  for (const auto& [name, percent] : std::map<std::string, double>{{"p50", 50}, {"p90", 90}, {"p99", 99}}) {
    json[name] = absl::ToDoubleMicroseconds(histogram.Percentile(percent));
  }
  return json;
}

class Client {
 public:
  explicit Client(const Options& options) : options_(options), request_(MakeRequest(options)) {
    grpc::ChannelArguments arguments;
    arguments.SetMaxReceiveMessageSize(-1);
    stub_ = std::make_unique<grpc::GenericStub>(
        grpc::CreateCustomChannel(options.server, grpc::InsecureChannelCredentials(), arguments));
    const grpc::Slice slice(request_.message);
    message_ = grpc::ByteBuffer(&slice, 1);
  }
  ~Client() { queue_.Shutdown(); }

  // Calls until `end`. False, after printing why, if one fails.
  bool CallUntil(absl::Time end) {
    round_trip_ = server_ = preprocess_ = queue_time_ = postprocess_ = LatencyHistogram();
    while (absl::Now() < end) {
      if (!Call()) return false;
    }
    return true;
  }

  nlohmann::json Report() const {
    return {{"calls", round_trip_.count()},
            {"request_bytes", request_.message.size()},
            {"reply_bytes", reply_bytes_},
            {"round_trip_us", InMicroseconds(round_trip_)},
            {"server_us", InMicroseconds(server_)},
            {"preprocess_us", InMicroseconds(preprocess_)},
            {"queue_us", InMicroseconds(queue_time_)},
            {"postprocess_us", InMicroseconds(postprocess_)}};
  }

 private:
  bool Call() {
    grpc::ClientContext context;
    context.set_wait_for_ready(true);
    context.set_deadline(absl::ToChronoTime(absl::Now() + absl::Seconds(60)));
    if (options_.call == "echo") context.AddMetadata("reply-bytes", StrCat(options_.reply_bytes));
    grpc::ByteBuffer reply;
    grpc::Status status;
    const absl::Time start = absl::Now();
    const auto reader = stub_->PrepareUnaryCall(&context, request_.path, message_, &queue_);
    reader->StartCall();
    reader->Finish(&reply, &status, nullptr);
    void* tag = nullptr;
    bool ok = false;
    queue_.Next(&tag, &ok);
    round_trip_.Record(absl::Now() - start);
    if (!status.ok()) return Fail(status.error_message());
    reply_bytes_ = reply.Length();
    if (options_.call == "echo") return true;
    const absl::StatusOr<ReplySummary> summary = SummarizeReply(reply);
    if (!summary.ok()) return Fail(std::string(summary.status().message()));
    const Timings& timings = summary->timings;
    server_.Record(timings.total - timings.host_to_device - timings.compute - timings.device_to_host);
    preprocess_.Record(timings.preprocess);
    queue_time_.Record(timings.queue);
    postprocess_.Record(timings.postprocess);
    return true;
  }

  static bool Fail(const std::string& message) {
    std::cerr << "call_latency: " << message << "\n";
    return false;
  }

  const Options options_;
  const Request request_;
  std::unique_ptr<grpc::GenericStub> stub_;
  grpc::CompletionQueue queue_;
  grpc::ByteBuffer message_;
  size_t reply_bytes_ = 0;
  LatencyHistogram round_trip_;
  LatencyHistogram server_;  // all but the model, of which the next three are parts
  LatencyHistogram preprocess_;
  LatencyHistogram queue_time_;
  LatencyHistogram postprocess_;
};

}  // namespace
}  // namespace vitok

int main(int argc, char** argv) {
  vitok::Options options;
  CLI::App app("Latency of one client's calls, one after the other");
  app.add_option("--server", options.server, "host:port or unix:/path")->capture_default_str();
  app.add_option("--call", options.call, "What to call")
      ->capture_default_str()
      ->check(CLI::IsMember({"encode-raw", "encode-patches", "reconstruct-raw", "decode", "echo"}));
  app.add_option("--size", options.size_px, "Side of the image, a multiple of 16 px")
      ->capture_default_str()
      ->check(CLI::Range(vitok::kPatch_px, 4096));
  app.add_option("--request-bytes", options.request_bytes, "Of an echo")->check(CLI::PositiveNumber);
  app.add_option("--reply-bytes", options.reply_bytes, "Of an echo, at most 64 MiB")->check(CLI::PositiveNumber);
  app.add_option("--warm-up", options.warm_up_s, "Seconds before the measurement")->capture_default_str();
  app.add_option("--seconds", options.seconds, "Of the measurement")->capture_default_str();
  CLI11_PARSE(app, argc, argv);
  vitok::Client client(options);
  if (!client.CallUntil(absl::Now() + absl::Seconds(options.warm_up_s)) ||
      !client.CallUntil(absl::Now() + absl::Seconds(options.seconds))) {
    return 1;
  }
  std::cout << client.Report() << std::endl;
  return 0;
}
