#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <csignal>
#include <string>
#include <vector>

#include "absl/synchronization/notification.h"
#include "client/cli/file_io.h"
#include "core/image/codec.h"
#include "nlohmann/json.hpp"
#include "tests/client/fake_service.h"
#include "tests/support/subprocess.h"

namespace vitok {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::StartsWith;

// `vitok bench` as a process, against a service that answers everything at once.
class VitokBenchProgramTest : public ::testing::Test {
 protected:
  VitokBenchProgramTest() {
    service_.on_get_server_info = [](v1::GetServerInfoResponse& response) {
      response.set_version("0.0.1");
      v1::ModelInfo& model = *response.add_models();
      model.set_name("echo");
      model.set_dtype(v1::DTYPE_FLOAT32);
      model.set_patch_px(16);
      model.set_latent_channels(4);
      model.set_can_encode(true);
      model.set_can_decode(true);
      model.set_is_default(true);
      return grpc::Status::OK;
    };
    service_.on_encode = [](const v1::EncodeRequest& request, v1::EncodeResponse& response) {
      for (const v1::ImageInput& image : request.images()) {
        v1::EncodeResult& result = *response.add_results();
        v1::Tensor& z = *result.mutable_latents()->mutable_z();
        z.set_dtype(v1::DTYPE_FLOAT32);
        z.add_shape(1);
        z.add_shape(4);
        z.set_data(std::string(16, '\0'));
        result.mutable_latents()->set_height_px(16);
        result.mutable_latents()->set_width_px(16);
        result.set_tokens(image.has_raw() ? 1 : 2);
      }
      response.mutable_timings()->set_compute_ns(1000);
      return grpc::Status::OK;
    };
    service_.on_decode = [](const v1::DecodeRequest& request, v1::DecodeResponse& response) {
      for (int i = 0; i < request.latents_size(); ++i) response.add_results()->set_tokens(3);
      return grpc::Status::OK;
    };
  }

  std::vector<std::string> Arguments(const std::vector<std::string>& options) const {
    std::vector<std::string> arguments = {VITOK_PROGRAM, "bench", "--server", server_.target(), "--warm-up", "0"};
    arguments.insert(arguments.end(), options.begin(), options.end());
    return arguments;
  }
  ProgramResult Bench(const std::vector<std::string>& options) const { return RunProgram(Arguments(options)); }

  nlohmann::json BenchJson(std::vector<std::string> options) const {
    options.push_back("--json");
    const ProgramResult result = Bench(options);
    EXPECT_EQ(result.exit_code, 0) << result.err;
    EXPECT_THAT(result.err, IsEmpty());
    EXPECT_EQ(std::count(result.out.begin(), result.out.end(), '\n'), 1);
    return nlohmann::json::parse(result.out, nullptr, /*allow_exceptions=*/false);
  }

  TempFolder folder_;
  FakeService service_;
  FakeServer server_{&service_};
};

TEST_F(VitokBenchProgramTest, RunsAClosedLoop) {
  const nlohmann::json json = BenchJson({"--requests", "50", "--concurrency", "3", "--items", "2", "--sizes", "8"});
  EXPECT_EQ(json["requests"]["ok"], 50);
  EXPECT_EQ(json["codes"]["OK"]["count"], 50);
  EXPECT_EQ(json["server"]["version"], "0.0.1");
  EXPECT_EQ(json["load"]["concurrency"], 3);
  EXPECT_EQ(json["load"]["connections"], 1);
  EXPECT_EQ(json["stages_ms"]["compute"]["p50"], 0.001);
  EXPECT_GT(json["latency_ms"]["ok"]["p50"], 0.0);
  const double requests_per_s = json["throughput"]["requests_per_s"];
  EXPECT_NEAR(json["throughput"]["images_per_s"], 2 * requests_per_s, 0.01);
  EXPECT_NEAR(json["throughput"]["tokens_per_s"], 2 * requests_per_s, 0.01);
  EXPECT_NEAR(json["throughput"]["pixels_per_s"], 128 * requests_per_s, 0.1);
}

TEST_F(VitokBenchProgramTest, RunsAnOpenLoop) {
  const nlohmann::json json = BenchJson({"--rate", "500", "--requests", "50", "--sizes", "16"});
  EXPECT_EQ(json["load"]["loop"], "open");
  EXPECT_EQ(json["requests"]["due"], 50);
  EXPECT_EQ(json["load"]["connections"], 11);  // for the 1024 that may be in flight
  EXPECT_EQ(json["requests"]["ok"], 50);
}

TEST_F(VitokBenchProgramTest, SendsOverStreams) {
  for (const auto& [method, tokens] : {std::pair{"encode", 1}, std::pair{"decode", 3}}) {
    const nlohmann::json json =
        BenchJson({"--streams", "2", "--method", method, "--concurrency", "500", "--requests", "1000"});
    EXPECT_EQ(json["load"]["streams"], 2);
    EXPECT_EQ(json["load"]["connections"], 1);
    EXPECT_EQ(json["requests"]["ok"], 1000);
    const double requests_per_s = json["throughput"]["requests_per_s"];
    EXPECT_NEAR(json["throughput"]["tokens_per_s"], tokens * requests_per_s, 0.01);
  }
}

TEST_F(VitokBenchProgramTest, DecodesRandomAndEncodedLatents) {
  EXPECT_EQ(BenchJson({"--method", "decode", "--requests", "5", "--pool", "4"})["requests"]["ok"], 5);
  EXPECT_EQ(service_.call_times().size(), 1 + 5);
  EXPECT_EQ(
      BenchJson({"--method", "decode", "--requests", "5", "--pool", "4", "--latents", "encoded"})["requests"]["ok"], 5);
  EXPECT_EQ(service_.call_times().size(), 1 + 5 + 1 + 4 + 5);
}

TEST_F(VitokBenchProgramTest, SendsPicturesOfAFolder) {
  for (const char* name : {"a.png", "b.png", "c.png"}) {
    ASSERT_TRUE(WriteFile(folder_ / name, *EncodeImage(RgbImage(16, 16), {})).ok());
  }
  const std::string folder = folder_ / "";
  const nlohmann::json json = BenchJson({"--pictures", folder, "--requests", "6"});
  EXPECT_EQ(json["load"]["pool"], 3);
  EXPECT_EQ(json["load"]["input"], "file");
  EXPECT_NEAR(json["throughput"]["tokens_per_s"], 2 * json["throughput"]["requests_per_s"].get<double>(), 0.01);
}

TEST_F(VitokBenchProgramTest, CountsRefusalsAsResultsAndDoesNotRetryThem) {
  service_.on_encode = [](const v1::EncodeRequest&, v1::EncodeResponse&) {
    return ErrorWithDetails(grpc::StatusCode::RESOURCE_EXHAUSTED, "queue full", RetryAfter(absl::Milliseconds(1)));
  };
  const nlohmann::json json = BenchJson({"--requests", "20"});
  EXPECT_EQ(json["codes"]["RESOURCE_EXHAUSTED"]["count"], 20);
  EXPECT_EQ(json["codes"]["RESOURCE_EXHAUSTED"]["message"], "queue full");
  EXPECT_EQ(json["requests"]["ok"], 0);
  EXPECT_EQ(json["requests"]["retries"], 0);
  EXPECT_EQ(service_.call_times().size(), 1 + 20);
}

TEST_F(VitokBenchProgramTest, RetriesIfAskedAndCountsOnlyTheLastAnswer) {
  const auto encode = service_.on_encode;
  service_.on_encode = [this, encode](const v1::EncodeRequest& request, v1::EncodeResponse& response) {
    if (service_.call_times().size() % 2 == 0) {
      return ErrorWithDetails(grpc::StatusCode::UNAVAILABLE, "loading", RetryAfter(absl::Milliseconds(1)));
    }
    return encode(request, response);
  };
  const nlohmann::json json = BenchJson({"--requests", "5", "--retries"});
  EXPECT_EQ(json["requests"]["ok"], 5);
  EXPECT_EQ(json["requests"]["retries"], 5);
  EXPECT_EQ(json["codes"].size(), 1);
}

TEST_F(VitokBenchProgramTest, PrintsATable) {
  const ProgramResult result = Bench({"--requests", "20", "--sizes", "8:1,16x24:3"});
  EXPECT_EQ(result.exit_code, 0) << result.err;
  EXPECT_THAT(result.out, StartsWith("encode by echo"));
  EXPECT_THAT(result.out, HasSubstr("raw images of 8:1,16x24:3"));
  EXPECT_THAT(result.out, HasSubstr("20 OK"));
}

TEST_F(VitokBenchProgramTest, AnInterruptEndsItWithItsResults) {
  absl::Notification running;
  const auto encode = service_.on_encode;
  service_.on_encode = [&, encode](const v1::EncodeRequest& request, v1::EncodeResponse& response) {
    if (!running.HasBeenNotified()) running.Notify();
    return encode(request, response);
  };
  Subprocess bench(Arguments({"--duration", "1000", "--json"}));
  running.WaitForNotification();
  bench.Signal(SIGINT);
  const ProgramResult result = bench.Wait();
  EXPECT_EQ(result.exit_code, 0) << result.err;
  const auto json = nlohmann::json::parse(result.out, nullptr, /*allow_exceptions=*/false);
  EXPECT_GT(json["requests"]["ok"], 0);
  EXPECT_LT(json["window_s"], 1000.0);
}

TEST_F(VitokBenchProgramTest, RefusesModelsThatTheServerDoesNotHaveOrThatCannotDoIt) {
  const ProgramResult unknown = Bench({"--model", "none"});
  EXPECT_EQ(unknown.exit_code, 2);
  EXPECT_THAT(unknown.err, HasSubstr("the server has no model \"none\"; it has: echo"));
  service_.on_get_server_info = [](v1::GetServerInfoResponse& response) {
    v1::ModelInfo& model = *response.add_models();
    model.set_name("encoder");
    model.set_dtype(v1::DTYPE_FLOAT32);
    model.set_can_encode(true);
    model.set_is_default(true);
    return grpc::Status::OK;
  };
  const ProgramResult incapable = Bench({"--method", "reconstruct"});
  EXPECT_EQ(incapable.exit_code, 2);
  EXPECT_THAT(incapable.err, HasSubstr("model encoder cannot reconstruct"));
}

TEST_F(VitokBenchProgramTest, TakesTheServersThatAnswer) {
  const nlohmann::json json =
      BenchJson({"--server", "unix:" + (folder_ / "none"), "--requests", "10", "--duration", "60"});
  EXPECT_EQ(json["server"]["targets"].size(), 2);
  EXPECT_EQ(json["requests"]["ok"], 5);
  EXPECT_EQ(json["requests"]["unreachable"], 5);
}

TEST(VitokBenchWithoutServerTest, EndsWithThree) {
  TempFolder folder;
  const std::string targets = "unix:" + (folder / "a") + ",unix:" + (folder / "b");
  const ProgramResult result = RunProgram({VITOK_PROGRAM, "bench", "--server", targets});
  EXPECT_EQ(result.exit_code, 3);
  EXPECT_THAT(result.err, StartsWith("vitok: UNAVAILABLE: no server at "));
}

TEST(VitokBenchUsageTest, EndsWithTwoAndOneLineNamingTheProblem) {
  const std::pair<std::vector<std::string>, const char*> cases[] = {
      {{"--sizes", "256,x"}, "sizes: \"x\": a side"},
      {{"--concurrency", "0"}, "--concurrency"},
      {{"--rate", "0"}, "--rate"},
      {{"--rate", "5", "--concurrency", "2"}, "--concurrency"},
      {{"--arrivals", "constant"}, "--rate"},
      {{"--max-in-flight", "5"}, "--rate"},
      {{"--duration", "0"}, "--duration"},
      {{"--requests", "0"}, "--requests"},
      {{"--method", "train"}, "--method"},
      {{"--streams", "-1"}, "--streams"},
      {{"--streams", "1", "--server", "a:1,b:1"}, "--streams must be at least the number of servers (2); was 1"},
      {{"--server", "nowhere"}, "was \"nowhere\""},
      {{"--server", "h:1,nowhere"}, "was \"nowhere\""},
      {{"--pictures", "a", "--sizes", "5"}, "--sizes"},
      {{"--pictures", "/nonexistent/a.png"}, "/nonexistent/a.png"},
      {{"--input", "file"}, "--input file needs --pictures"},
      {{"--output", "png"}, "--output is for decode and reconstruct; --method is encode"},
      {{"--latents", "random"}, "--latents is for decode; --method is encode"},
      {{"--method", "reconstruct", "--latent-dtype", "float16"}, "--latent-dtype is for encode and decode"},
      {{"--method", "decode", "--pictures", "a", "--latents", "random"}, "--latents random needs no --pictures"},
  };
  for (const auto& [options, problem] : cases) {
    std::vector<std::string> arguments = {VITOK_PROGRAM, "bench"};
    arguments.insert(arguments.end(), options.begin(), options.end());
    const ProgramResult result = RunProgram(arguments);
    EXPECT_EQ(result.exit_code, 2) << testing::PrintToString(options);
    EXPECT_THAT(result.err, StartsWith("vitok: "));
    EXPECT_THAT(result.err, HasSubstr(problem));
    EXPECT_EQ(std::count(result.err.begin(), result.err.end(), '\n'), 1) << result.err;
    EXPECT_THAT(result.out, IsEmpty());
  }
}

}  // namespace
}  // namespace vitok
