#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "client/cli/commands.h"
#include "client/cli/file_command.h"
#include "client/cli/file_io.h"
#include "client/cli/picture_file.h"
#include "core/base/status_macros.h"
#include "core/metrics/image_quality.h"

namespace vitok {
namespace {

struct ReconstructCommandOptions {
  FileCommandOptions files;
  PictureFileOptions picture;
  std::string preprocess;
  bool side_by_side = false;
};

// The server has taken the picture within its own limits: none are needed here.
constexpr DecodeLimits kNoLimits = {.max_pixels = std::numeric_limits<int32_t>::max()};

absl::StatusOr<FileReport> ReconstructFile(const ReconstructCommandOptions& options, const Server& server,
                                           const FileJob& job) {
  VITOK_ASSIGN_OR_RETURN(const ImageFormat format, PictureFormat(options.picture, job.output));
  VITOK_ASSIGN_OR_RETURN(const std::string bytes, ReadFile(job.input));
  ReconstructParams params;
  params.model = options.files.model;
  params.preprocess = options.preprocess;
  params.priority = ParsePriority(options.files.priority);
  params.traceparent = options.files.traceparent;
  VITOK_ASSIGN_OR_RETURN(PictureResult result, server.client.Reconstruct(EncodedImage{bytes}, params));
  VITOK_ASSIGN_OR_RETURN(const RgbImage picture, ToRgbImage(std::move(result.picture)));
  VITOK_ASSIGN_OR_RETURN(const RgbImage original, DecodeImage(bytes, kNoLimits));

  std::optional<double> psnr_db;
  if (original.height_px == picture.height_px && original.width_px == picture.width_px) {
    VITOK_ASSIGN_OR_RETURN(psnr_db, PsnrU8(original.pixels_HWC, picture.pixels_HWC));
  }
  const RgbImage& shown = options.side_by_side ? SideBySide(original, picture) : picture;
  VITOK_ASSIGN_OR_RETURN(const std::string output,
                         EncodeImage(shown, {.format = format, .quality = options.picture.quality}));
  VITOK_RETURN_IF_ERROR(WriteFile(job.output, output));
  const ModelInfo* const model = server.FindModel(options.files.model);
  FileReport report;
  report.file = job.input;
  report.output = job.output;
  report.model = model != nullptr ? model->name : options.files.model;
  report.width_px = picture.width_px;
  report.height_px = picture.height_px;
  report.tokens = result.tokens;
  report.psnr_db = psnr_db;
  report.timings = result.timings;
  return report;
}

}  // namespace

void AddReconstructCommand(CLI::App& program, const Environment& environment, Action* action) {
  CLI::App* const command =
      program.add_subcommand("reconstruct", "Pictures through the model and back, with their PSNR");
  const auto options = std::make_shared<ReconstructCommandOptions>();
  AddFileOptions(*command, environment, "Pictures (JPEG, PNG, WebP, BMP, TIFF, GIF) and folders of them",
                 &options->files);
  AddPictureFileOptions(*command, &options->picture);
  AddPreprocessOption(*command, &options->preprocess);
  command->add_flag("--side-by-side", options->side_by_side, "Write original and reconstruction as one picture");
  command->footer(
      R"(The PSNR compares the 8-bit pixels before OUT is compressed. It is "inf" (JSON: null beside "identical": true) for
identical pictures and "-" (JSON: null) where preprocessing changed the size.
Examples:
  vitok reconstruct photo.jpg -o out.png
  vitok reconstruct photos more/photo.webp -o out --side-by-side --format jpg
  vitok reconstruct photos -o out --json --preprocess 'center_crop(256)|to_tensor|normalize|patchify(16, 256)')");
  command->callback([options, action] {
    *action = [options] {
      FileCommand command;
      command.input_extensions = PictureExtensions();
      command.output_extension = PictureExtension(options->picture);
      command.result_column = ResultColumn::kPsnr;
      command.check = [options](const FileJob& job) { return PictureFormat(options->picture, job.output).status(); };
      command.work = [options](const Server& server, const FileJob& job) {
        return ReconstructFile(*options, server, job);
      };
      return RunFiles(options->files, command);
    };
  });
}

}  // namespace vitok
