// Images a second of the core without a server: the same work on the same threads as vitok-server, but no gRPC, no
// queue and no client. CPU threads decode and preprocess the next batch and write out the last one while the model runs
// the one between. Prints one line of JSON.
#include <ATen/Parallel.h>
#include <c10/core/InferenceMode.h>

#include <CLI/CLI.hpp>
#include <atomic>
#include <cmath>
#include <iostream>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/synchronization/blocking_counter.h"
#include "absl/time/clock.h"
#include "client/bench/image_source.h"
#include "client/bench/synthetic_image.h"
#include "core/base/status_macros.h"
#include "core/base/str_cat.h"
#include "core/image/codec.h"
#include "core/image/preprocessor.h"
#include "core/model/load_autoencoder.h"
#include "nlohmann/json.hpp"
#include "server/cpu_jobs.h"
#include "server/latent_output.h"
#include "server/picture_output.h"

namespace vitok {
namespace {

constexpr int kPictures = 64;

struct Options {
  LoadOptions load;
  std::string method = "encode";
  std::string input = "raw";
  int32_t size_px = 512;
  double batch_images = 8;
  int threads = 2;
  double seconds = 5;
};

// A batch on its way through preprocessing.
struct Preparation {
  explicit Preparation(int images) : inputs(images), pending(images) {}
  std::vector<TokenizerItem> inputs;
  absl::BlockingCounter pending;
};

class Core {
 public:
  static absl::StatusOr<std::unique_ptr<Core>> Create(const Options& options) {
    VITOK_ASSIGN_OR_RETURN(std::unique_ptr<Tokenizer> tokenizer, LoadAutoencoder(options.load));
    const std::string spec =
        StrCat("to_tensor|normalize(minus_one_to_one)|patchify(", tokenizer->info().patch_px, ", 65536)");
    VITOK_ASSIGN_OR_RETURN(Preprocessor preprocessor, Preprocessor::Parse(spec));
    std::unique_ptr<Core> core(new Core(options, std::move(tokenizer), std::move(preprocessor)));
    Random random(1);
    for (int i = 0; i < kPictures; ++i) {
      const InputForm form = options.input == "jpeg" ? InputForm::kJpeg : InputForm::kRaw;
      VITOK_ASSIGN_OR_RETURN(ImageInput picture,
                             ToInput(MakeSyntheticImage({options.size_px, options.size_px}, &random), form));
      core->pictures_.push_back(std::move(picture));
    }
    return core;
  }

  // Runs batches for about this long; images and seconds of those that ran.
  absl::StatusOr<nlohmann::json> Run(absl::Duration duration) {
    const c10::InferenceMode inference_mode;
    std::unique_ptr<Preparation> next = Prepare(NextBatchImages());
    int64_t images = 0;
    int64_t batches = 0;
    const absl::Time start = absl::Now();
    while (absl::Now() < start + duration) {
      next->pending.Wait();
      const std::unique_ptr<Preparation> batch = std::exchange(next, Prepare(NextBatchImages()));
      VITOK_RETURN_IF_ERROR(RunModel(batch->inputs));
      images += static_cast<int64_t>(batch->inputs.size());
      ++batches;
    }
    const double seconds = absl::ToDoubleSeconds(absl::Now() - start);
    next->pending.Wait();
    return nlohmann::json{{"images", images},
                          {"batches", batches},
                          {"seconds", seconds},
                          {"images_per_s", static_cast<double>(images) / seconds}};
  }

 private:
  Core(const Options& options, std::unique_ptr<Tokenizer> tokenizer, Preprocessor preprocessor)
      : options_(options),
        tokenizer_(std::move(tokenizer)),
        preprocessor_(std::move(preprocessor)),
        jobs_(options.threads) {}

  // Whole numbers whose mean is batch_images.
  int NextBatchImages() {
    const double before = std::floor(options_.batch_images * batches_);
    return static_cast<int>(std::floor(options_.batch_images * ++batches_) - before);
  }

  std::unique_ptr<Preparation> Prepare(int images) {
    auto batch = std::make_unique<Preparation>(images);
    for (int i = 0; i < images; ++i) {
      const ImageInput& picture = pictures_[next_picture_++ % pictures_.size()];
      jobs_.Schedule([this, &picture, batch = batch.get(), i] {
        batch->inputs[i] = Preprocess(picture);
        batch->pending.DecrementCount();
      });
    }
    return batch;
  }

  // The pictures are good: they were made here.
  TokenizerItem Preprocess(const ImageInput& picture) const {
    const auto* file = std::get_if<EncodedImage>(&picture);
    at::Tensor pixels_HW3 = file != nullptr ? preprocessor_.RunOnPixels(DecodeImage(file->bytes).value()).value()
                                            : preprocessor_.RunOnPixels(std::get<RgbImage>(picture)).value();
    return {PixelImage{std::move(pixels_HW3), preprocessor_.pixel_mode().value()},
            options_.method == "encode" ? OutputForm::kLatents : OutputForm::kPicture};
  }

  absl::Status RunModel(const std::vector<TokenizerItem>& inputs) {
    BatchTimes times;
    VITOK_ASSIGN_OR_RETURN(std::vector<TokenizerOutput> outputs, tokenizer_->Run(inputs, times));
    for (TokenizerOutput& result : outputs) {
      jobs_.Schedule([this, result = std::move(result)] {
        if (const auto* latents = std::get_if<LatentSequence>(&result)) {
          v1::Latents message;
          WriteLatents(*latents, LatentForm(), &message);
          return;
        }
        v1::Picture message;
        WritePicture(result, tokenizer_->info().patch_px, v1::PictureOptions(), &message).IgnoreError();
      });
    }
    return absl::OkStatus();
  }

  const Options options_;
  const std::unique_ptr<Tokenizer> tokenizer_;
  const Preprocessor preprocessor_;
  std::vector<ImageInput> pictures_;
  size_t next_picture_ = 0;
  int64_t batches_ = 0;
  CpuJobs jobs_;
};

absl::Status Run(const Options& options) {
  constexpr absl::Duration kWarmUp = absl::Milliseconds(500);
  VITOK_ASSIGN_OR_RETURN(const std::unique_ptr<Core> core, Core::Create(options));
  VITOK_RETURN_IF_ERROR(core->Run(kWarmUp).status());
  VITOK_ASSIGN_OR_RETURN(const nlohmann::json report, core->Run(absl::Seconds(options.seconds)));
  std::cout << report << std::endl;
  return absl::OkStatus();
}

}  // namespace
}  // namespace vitok

int main(int argc, char** argv) {
  CLI::App app("Images a second of the core without a server");
  vitok::Options options;
  app.add_option("--model", options.load.folder, "model folder")->required();
  app.add_option("--method", options.method, "what to run")
      ->capture_default_str()
      ->check(CLI::IsMember({"encode", "reconstruct"}));
  app.add_option("--input", options.input, "raw or jpeg")->capture_default_str()->check(CLI::IsMember({"raw", "jpeg"}));
  app.add_option("--size", options.size_px, "side of the images, px")
      ->capture_default_str()
      ->check(CLI::Range(16, 4096));
  app.add_option("--batch", options.batch_images, "images of a batch, on average")
      ->capture_default_str()
      ->check(CLI::Range(1.0, 1024.0));
  app.add_option("--threads", options.threads, "for preprocessing, and for the model")
      ->capture_default_str()
      ->check(CLI::PositiveNumber);
  app.add_option("--seconds", options.seconds, "of the measurement")->capture_default_str();
  CLI11_PARSE(app, argc, argv);
  at::set_num_threads(options.threads);
  if (const absl::Status status = vitok::Run(options); !status.ok()) {
    std::cerr << "core_throughput: " << status << "\n";
    return 1;
  }
  return 0;
}
