#include <memory>
#include <string>
#include <utility>

#include "client/cli/commands.h"
#include "client/cli/file_command.h"
#include "client/cli/file_io.h"
#include "client/cli/picture_file.h"
#include "client/latent_file.h"
#include "core/base/status_macros.h"

namespace vitok {
namespace {

struct DecodeCommandOptions {
  FileCommandOptions files;
  PictureFileOptions picture;
};

absl::StatusOr<FileReport> DecodeFile(const DecodeCommandOptions& options, const Server& server, const FileJob& job) {
  VITOK_ASSIGN_OR_RETURN(const ImageFormat format, PictureFormat(options.picture, job.output));
  VITOK_ASSIGN_OR_RETURN(LatentFile file, ReadLatentFile(job.input));
  DecodeParams params;
  params.model = options.files.model.empty() ? file.model : options.files.model;
  params.priority = ParsePriority(options.files.priority);
  params.traceparent = options.files.traceparent;
  VITOK_ASSIGN_OR_RETURN(PictureResult result, server.client.Decode(std::move(file.latents), params));
  VITOK_ASSIGN_OR_RETURN(const RgbImage picture, ToRgbImage(std::move(result.picture)));
  VITOK_ASSIGN_OR_RETURN(const std::string bytes,
                         EncodeImage(picture, {.format = format, .quality = options.picture.quality}));
  VITOK_RETURN_IF_ERROR(WriteFile(job.output, bytes));
  FileReport report;
  report.file = job.input;
  report.output = job.output;
  report.model = params.model;
  report.width_px = picture.width_px;
  report.height_px = picture.height_px;
  report.tokens = result.tokens;
  report.timings = result.timings;
  return report;
}

}  // namespace

void AddDecodeCommand(CLI::App& program, const Environment& environment, Action* action) {
  CLI::App* const command = program.add_subcommand("decode", "Latent files back to pictures");
  const auto options = std::make_shared<DecodeCommandOptions>();
  AddFileOptions(*command, environment, "Latent files that `vitok encode` wrote, and folders of them", &options->files);
  AddPictureFileOptions(*command, &options->picture);
  command->get_option("--model")->description("Name of the model; default: the one named in the latent file");
  command->footer(R"(Examples:
  vitok decode z.safetensors -o out.png
  vitok decode latents -o pictures --format webp --quality 90)");
  command->callback([options, action] {
    *action = [options] {
      FileCommand command;
      command.input_extensions = {"safetensors"};
      command.output_extension = PictureExtension(options->picture);
      command.check = [options](const FileJob& job) { return PictureFormat(options->picture, job.output).status(); };
      command.work = [options](const Server& server, const FileJob& job) { return DecodeFile(*options, server, job); };
      return RunFiles(options->files, command);
    };
  });
}

}  // namespace vitok
