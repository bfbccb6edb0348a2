// The program `vitok` as a user meets it, against a fake server that gives every picture back, one value brighter.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "absl/strings/str_split.h"
#include "client/cli/file_io.h"
#include "core/image/codec.h"
#include "nlohmann/json.hpp"
#include "tests/client/fake_service.h"
#include "tests/support/subprocess.h"
#include "tests/support/temp_folder.h"

namespace vitok {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::StartsWith;

ProgramResult Vitok(std::vector<std::string> arguments) {
  arguments.insert(arguments.begin(), VITOK_PROGRAM);
  return RunProgram(arguments);
}

std::vector<nlohmann::json> JsonLines(const std::string& text) {
  std::vector<nlohmann::json> objects;
  for (const absl::string_view line : absl::StrSplit(text, '\n', absl::SkipEmpty())) {
    objects.push_back(nlohmann::json::parse(std::string(line)));
  }
  return objects;
}

class VitokProgramTest : public ::testing::Test {
 protected:
  VitokProgramTest() {
    service_.on_list_models = [](v1::ListModelsResponse& response) {
      v1::ModelInfo& model = *response.add_models();
      model.set_name("brighter");
      model.set_version(3);
      model.add_aliases("stable");
      model.set_variant("w192_d3_h3/1x16x64");
      model.set_dtype(v1::DTYPE_FLOAT32);
      model.set_patch_px(16);
      model.set_latent_channels(64);
      model.set_can_encode(true);
      model.set_is_default(true);
      return grpc::Status::OK;
    };
    service_.on_reconstruct = [](const v1::ReconstructRequest& request, v1::ReconstructResponse& response) {
      if (request.picture().format() != v1::PIXEL_FORMAT_UINT8) {
        return grpc::Status(grpc::StatusCode::INVALID_ARGUMENT, "PSNR needs exact pixels");
      }
      absl::StatusOr<RgbImage> image = DecodeImage(request.images(0).encoded());
      if (!image.ok()) return grpc::Status(grpc::StatusCode::INVALID_ARGUMENT, "images[0] is no picture");
      const int change = request.preprocess() == "same" ? 0 : 1;
      for (uint8_t& value : image->pixels_HWC) value = static_cast<uint8_t>(value + change);
      if (request.preprocess() == "crop") {
        image->height_px -= 1;
        image->pixels_HWC.resize(size_t{3} * image->height_px * image->width_px);
      }
      v1::PictureResult& result = *response.add_results();
      result.set_tokens(7);
      result.mutable_timings()->set_compute_ns(2'000'000);
      v1::Picture& picture = *result.mutable_picture();
      picture.set_height_px(image->height_px);
      picture.set_width_px(image->width_px);
      v1::Tensor& tensor = *picture.mutable_tensor();
      tensor.set_dtype(v1::DTYPE_UINT8);
      for (int64_t side : {image->height_px, image->width_px, 3}) tensor.add_shape(side);
      tensor.set_data(image->pixels_HWC.data(), image->pixels_HWC.size());
      return grpc::Status::OK;
    };
  }

  // A grey PNG.
  std::string MakePicture(const std::string& name, int32_t height, int32_t width) {
    RgbImage image(height, width);
    for (uint8_t& value : image.pixels_HWC) value = 100;
    const std::string path = folder_ / name;
    EXPECT_TRUE(MakeParentFolder(path).ok());
    EXPECT_TRUE(WriteFile(path, *EncodeImage(image, {})).ok());
    return path;
  }

  TempFolder folder_;
  FakeService service_;
  FakeServer server_{&service_};
};

TEST_F(VitokProgramTest, ReconstructWritesThePictureAndItsPsnr) {
  const std::string input = MakePicture("a.png", 10, 20);
  const std::string output = folder_ / "b.png";
  const ProgramResult result = Vitok({"reconstruct", input, "-o", output, "--json", "--server", server_.target()});
  ASSERT_EQ(result.exit_code, 0) << result.err;
  EXPECT_THAT(result.err, IsEmpty());
  const auto lines = JsonLines(result.out);
  ASSERT_EQ(lines.size(), 1);
  EXPECT_EQ(lines[0].at("file"), input);
  EXPECT_EQ(lines[0].at("model"), "brighter");
  EXPECT_EQ(lines[0].at("width"), 20);
  EXPECT_EQ(lines[0].at("height"), 10);
  EXPECT_EQ(lines[0].at("tokens"), 7);
  EXPECT_NEAR(lines[0].at("psnr_db").get<double>(), 48.1308, 1e-4);  // 20·log10(255)
  EXPECT_EQ(lines[0].at("timings_ms").at("compute"), 2.0);
  EXPECT_GT(lines[0].at("timings_ms").at("round_trip"), 0.0);
  EXPECT_EQ(DecodeImage(*ReadFile(output))->pixels_HWC, std::vector<uint8_t>(600, 101));
}

TEST_F(VitokProgramTest, RequestsArePartOfTheTraceGiven) {
  const std::string traceparent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
  const ProgramResult result = Vitok({"reconstruct", MakePicture("a.png", 4, 4), "-o", folder_ / "b.png",
                                      "--traceparent", traceparent, "--server", server_.target()});
  EXPECT_EQ(result.exit_code, 0) << result.err;
  EXPECT_THAT(service_.traceparents(), ElementsAre(traceparent));
}

TEST_F(VitokProgramTest, ReconstructKeepsTheOrderOfManyFiles) {
  std::vector<std::string> names;
  for (int i = 0; i < 12; ++i) names.push_back(MakePicture("in/" + std::string(1, 'a' + i) + ".png", 4, 4 + i));
  const ProgramResult result = Vitok({"reconstruct", folder_ / "in", "-o", folder_ / "out", "--json", "--in-flight",
                                      "5", "--server", server_.target()});
  ASSERT_EQ(result.exit_code, 0) << result.err;
  const auto lines = JsonLines(result.out);
  ASSERT_EQ(lines.size(), names.size());
  for (int i = 0; i < 12; ++i) {
    EXPECT_EQ(lines[i].at("file"), names[i]);
    EXPECT_EQ(lines[i].at("width"), 4 + i);
    EXPECT_TRUE(std::filesystem::exists(lines[i].at("output").get<std::string>()));
  }
}

TEST_F(VitokProgramTest, ReconstructPutsBothPicturesInOneIfAsked) {
  const std::string output = folder_ / "both.png";
  ASSERT_EQ(
      Vitok({"reconstruct", MakePicture("a.png", 2, 3), "-o", output, "--side-by-side", "--server", server_.target()})
          .exit_code,
      0);
  const RgbImage both = *DecodeImage(*ReadFile(output));
  EXPECT_EQ(both.width_px, 6);
  EXPECT_EQ(both.pixels_HWC[0], 100);
  EXPECT_EQ(both.pixels_HWC[9], 101);
}

TEST_F(VitokProgramTest, ReconstructHasNoPsnrWherePreprocessingChangedTheSize) {
  const ProgramResult result = Vitok({"reconstruct", MakePicture("a.png", 4, 4), "-o", folder_ / "b.png", "--json",
                                      "--preprocess", "crop", "--server", server_.target()});
  ASSERT_EQ(result.exit_code, 0) << result.err;
  EXPECT_TRUE(JsonLines(result.out)[0].at("psnr_db").is_null());
  EXPECT_EQ(JsonLines(result.out)[0].at("height"), 3);
}

TEST_F(VitokProgramTest, ReconstructSaysInfForIdenticalPictures) {
  const std::vector<std::string> arguments = {
      "reconstruct",   MakePicture("a.png", 4, 4), "-o", folder_ / "b.png", "--preprocess", "same", "--server",
      server_.target()};
  EXPECT_THAT(Vitok(arguments).out, HasSubstr(" inf "));
  std::vector<std::string> json_arguments = arguments;
  json_arguments.push_back("--json");
  EXPECT_EQ(JsonLines(Vitok(json_arguments).out)[0].at("identical"), true);
}

TEST_F(VitokProgramTest, BadFilesDoNotStopTheOthers) {
  const std::string missing = folder_ / "missing.png";
  const std::string text = folder_ / "text.png";
  std::ofstream(text) << "not a picture";
  const std::string good = MakePicture("good.png", 4, 4);
  const ProgramResult result =
      Vitok({"reconstruct", missing, text, good, "-o", folder_ / "out", "--server", server_.target()});
  EXPECT_EQ(result.exit_code, 1);
  EXPECT_TRUE(std::filesystem::exists(folder_ / "out/good.png"));
  EXPECT_FALSE(std::filesystem::exists(folder_ / "out/text.png"));
  const std::vector<std::string> errors = absl::StrSplit(result.err, '\n', absl::SkipEmpty());
  ASSERT_EQ(errors.size(), 2) << result.err;
  EXPECT_THAT(errors[0], StartsWith("vitok: " + missing + ": NOT_FOUND: "));
  EXPECT_EQ(errors[1], "vitok: " + text + ": INVALID_ARGUMENT: images[0] is no picture");
  EXPECT_THAT(result.out, HasSubstr("1 files, 7 tokens"));
  EXPECT_THAT(result.out, HasSubstr("2 failed"));
}

TEST_F(VitokProgramTest, ErrorsAreJsonLinesTooIfAsked) {
  const ProgramResult result =
      Vitok({"reconstruct", folder_ / "missing.png", "-o", folder_ / "b.png", "--json", "--server", server_.target()});
  EXPECT_EQ(result.exit_code, 1);
  EXPECT_EQ(JsonLines(result.out)[0].at("error").at("code"), "NOT_FOUND");
}

TEST_F(VitokProgramTest, RefusesUnknownOutputFormatsBeforeAsking) {
  const ProgramResult result =
      Vitok({"reconstruct", MakePicture("a.png", 4, 4), "-o", folder_ / "b.gif", "--server", server_.target()});
  EXPECT_EQ(result.exit_code, 2);
  EXPECT_THAT(result.err, HasSubstr("must end in .png, .jpg, .jpeg or .webp"));
}

TEST_F(VitokProgramTest, ModelsListsThemAndMarksTheDefault) {
  const ProgramResult table = Vitok({"models", "--server", server_.target()});
  EXPECT_EQ(table.exit_code, 0) << table.err;
  EXPECT_THAT(table.out, HasSubstr("*  brighter  3        stable   w192_d3_h3/1x16x64"));
  const ProgramResult json = Vitok({"models", "--json", "--server", server_.target()});
  EXPECT_EQ(JsonLines(json.out)[0].at("latent_channels"), 64);
  EXPECT_EQ(JsonLines(json.out)[0].at("can_decode"), false);
}

TEST_F(VitokProgramTest, ModelsWaitsUntilTheServerHasLoaded) {
  const auto list_models = service_.on_list_models;
  service_.on_list_models = [this, list_models](v1::ListModelsResponse& response) {
    if (service_.call_times().size() < 3) {
      google::rpc::ErrorInfo info;
      info.set_reason("LOADING");
      return ErrorWithDetails(grpc::StatusCode::UNAVAILABLE, "loading", info);
    }
    return list_models(response);
  };
  const ProgramResult result = Vitok({"models", "--wait", "60", "--server", server_.target()});
  EXPECT_EQ(result.exit_code, 0) << result.err;
  EXPECT_EQ(service_.call_times().size(), 3);
}

TEST(VitokProgramWithoutServerTest, EndsWithThreeNamingTheServer) {
  TempFolder folder;
  const std::string target = "unix:" + (folder / "none");
  for (const std::vector<std::string>& arguments :
       {std::vector<std::string>{"models"}, {"info"}, {"models", "--wait", "0.2"}, {"encode", "x.png", "-o", "y"}}) {
    std::vector<std::string> with_server = arguments;
    with_server.insert(with_server.end(), {"--server", target});
    const ProgramResult result = Vitok(with_server);
    EXPECT_EQ(result.exit_code, 3) << arguments[0];
    EXPECT_THAT(result.err, StartsWith("vitok: UNAVAILABLE: no server at " + target));
    EXPECT_EQ(std::count(result.err.begin(), result.err.end(), '\n'), 1) << result.err;
  }
}

TEST(VitokProgramUsageTest, EndsWithTwoAndOneLineForWrongUsage) {
  for (const std::vector<std::string>& arguments : {std::vector<std::string>{},
                                                    {"nonsense"},
                                                    {"encode"},
                                                    {"encode", "a.png"},
                                                    {"models", "--server", "nowhere"},
                                                    {"models", "--deadline", "0"},
                                                    {"decode", "a", "-o", "b", "--quality", "102"},
                                                    {"encode", "a", "-o", "b", "--latent-dtype", "int8"},
                                                    {"encode", "a", "-o", "b", "--traceparent", "00-1-2-01"},
                                                    {"reconstruct", "a", "b", "-o", "c", "--in-flight", "0"}}) {
    const ProgramResult result = Vitok(arguments);
    EXPECT_EQ(result.exit_code, 2) << testing::PrintToString(arguments);
    EXPECT_THAT(result.err, StartsWith("vitok: "));
    EXPECT_EQ(std::count(result.err.begin(), result.err.end(), '\n'), 1) << result.err;
    EXPECT_THAT(result.out, IsEmpty());
  }
}

TEST(VitokProgramUsageTest, TellsVersionAndHelp) {
  EXPECT_THAT(Vitok({"--version"}).out, StartsWith("vitok "));
  for (const char* command : {"encode", "decode", "reconstruct", "bench", "models", "info"}) {
    const ProgramResult result = Vitok({command, "--help"});
    EXPECT_EQ(result.exit_code, 0);
    EXPECT_THAT(result.out, HasSubstr("Examples:"));
    EXPECT_THAT(result.out, HasSubstr("--server"));
  }
}

}  // namespace
}  // namespace vitok
