// Payload throughput of the naive way: protobuf messages with one `bytes` field, blocking calls, one connection. Prints
// one line of JSON.
#include <CLI/CLI.hpp>
#include <atomic>
#include <iostream>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "echo.grpc.pb.h"
#include "grpcpp/grpcpp.h"
#include "nlohmann/json.hpp"

namespace vitok::bench {
namespace {

struct Options {
  std::string server = "127.0.0.1:8500";
  int64_t bytes = int64_t{3} << 20;
  int in_flight = 1;
  double seconds = 2;
};

int Run(const Options& options) {
  grpc::ChannelArguments arguments;
  arguments.SetMaxReceiveMessageSize(-1);
  const std::unique_ptr<Echo::Stub> stub =
      Echo::NewStub(grpc::CreateCustomChannel(options.server, grpc::InsecureChannelCredentials(), arguments));
  Payload request;
  request.set_data(std::string(options.bytes, 'x'));
  std::atomic<int64_t> calls{0};
  std::atomic<bool> failed{false};
  const auto call = [&] {
    grpc::ClientContext context;
    context.set_wait_for_ready(true);
    context.set_deadline(absl::ToChronoTime(absl::Now() + absl::Seconds(60)));
    Payload response;
    const grpc::Status status = stub->Copy(&context, request, &response);
    if (status.ok() && response.data().size() == request.data().size()) return true;
    if (!failed.exchange(true)) std::cerr << "echo_client: " << status.error_message() << "\n";
    return false;
  };
  if (!call()) return 1;  // connects, and grows the buffers
  const absl::Time start = absl::Now();
  const absl::Time end = start + absl::Seconds(options.seconds);
  std::vector<std::thread> clients;
  for (int i = 0; i < options.in_flight; ++i) {
    clients.emplace_back([&] {
      while (absl::Now() < end && call()) ++calls;
    });
  }
  for (std::thread& client : clients) client.join();
  if (failed) return 1;
  const double seconds = absl::ToDoubleSeconds(absl::Now() - start);
  const double bytes = 2.0 * static_cast<double>(options.bytes) * static_cast<double>(calls);
  std::cout << nlohmann::json{{"calls", calls.load()}, {"seconds", seconds}, {"gb_per_s", bytes / seconds / 1e9}}
            << std::endl;
  return 0;
}

}  // namespace
}  // namespace vitok::bench

int main(int argc, char** argv) {
  vitok::bench::Options options;
  CLI::App app("Payload throughput of an echo of protobuf messages");
  app.add_option("--server", options.server, "host:port or unix:/path")->capture_default_str();
  app.add_option("--bytes", options.bytes, "of each message")->capture_default_str()->check(CLI::PositiveNumber);
  app.add_option("--in-flight", options.in_flight, "calls at a time")
      ->capture_default_str()
      ->check(CLI::PositiveNumber);
  app.add_option("--seconds", options.seconds, "of the measurement")->capture_default_str()->check(CLI::PositiveNumber);
  CLI11_PARSE(app, argc, argv);
  return vitok::bench::Run(options);
}
