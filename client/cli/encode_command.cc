#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "client/cli/commands.h"
#include "client/cli/file_command.h"
#include "client/cli/file_io.h"
#include "client/latent_file.h"
#include "core/base/status_macros.h"
#include "core/base/str_cat.h"

namespace vitok {
namespace {

struct EncodeCommandOptions {
  FileCommandOptions files;
  std::string preprocess;
  std::string latent_dtype;
};

absl::StatusOr<FileReport> EncodeFile(const EncodeCommandOptions& options, const Server& server, const FileJob& job) {
  VITOK_ASSIGN_OR_RETURN(std::string bytes, ReadFile(job.input));
  EncodeParams params;
  params.model = options.files.model;
  params.preprocess = options.preprocess;
  params.latent_dtype = ParseDType(options.latent_dtype);
  params.priority = ParsePriority(options.files.priority);
  params.traceparent = options.files.traceparent;
  VITOK_ASSIGN_OR_RETURN(EncodeResult result, server.client.Encode(EncodedImage{std::move(bytes)}, params));
  const ModelInfo* const model = server.FindModel(options.files.model);
  if (model == nullptr) return absl::InternalError("the server's list of models lacks the one that answered");

  LatentFile file;
  file.latents = std::move(result.latents);
  file.model = model->name;
  file.variant = model->variant;
  file.patch_px = model->patch_px;
  VITOK_RETURN_IF_ERROR(WriteLatentFile(job.output, file));
  return FileReport{.file = job.input,
                    .output = job.output,
                    .model = model->name,
                    .width_px = file.latents.width_px,
                    .height_px = file.latents.height_px,
                    .tokens = result.tokens,
                    .channels = file.latents.z.shape[1],
                    .latent_bytes = static_cast<int64_t>(file.latents.z.data.size()),
                    .psnr_db = std::nullopt,
                    .timings = result.timings};
}

}  // namespace

void AddEncodeCommand(CLI::App& program, const Environment& environment, Action* action) {
  CLI::App* const command = program.add_subcommand("encode", "Pictures to latents, as safetensors files");
  const auto options = std::make_shared<EncodeCommandOptions>();
  AddFileOptions(*command, environment, "Pictures (JPEG, PNG, WebP, BMP, TIFF, GIF) and folders of them",
                 &options->files);
  AddPreprocessOption(*command, &options->preprocess);
  command->add_option("--latent-dtype", options->latent_dtype, "Type of the latents; default: that of the model")
      ->check(CLI::IsMember({"float32", "float16", "bfloat16"}));
  command->footer(R"(A latent file holds z [N, C], row_idx and col_idx [N] and metadata about the picture and the model.
Examples:
  vitok encode photo.jpg -o z.safetensors
  vitok encode photos -o latents --latent-dtype bfloat16 --in-flight 8)");
  command->callback([options, action] {
    *action = [options] {
      FileCommand command;
      command.input_extensions = PictureExtensions();
      command.output_extension = "safetensors";
      command.result_column = ResultColumn::kLatentBytes;
      command.work = [options](const Server& server, const FileJob& job) { return EncodeFile(*options, server, job); };
      return RunFiles(options->files, command);
    };
  });
}

}  // namespace vitok
