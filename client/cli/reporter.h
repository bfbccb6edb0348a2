// Prints what happens to the files of a command, as it happens.
#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "client/cli/exit_code.h"
#include "client/cli/file_plan.h"
#include "client/cli/file_report.h"

namespace vitok {

// The column of the table that tells about the result.
enum class ResultColumn { kNone, kPsnr, kLatentBytes };

// Standard output: a table with one line a picture and a summary, or with `json` one JSON line a file. Standard error:
// one line a file that failed and, on a terminal and for more than one file, a progress bar. For one thread.
class Reporter {
 public:
  Reporter(const std::vector<FileJob>& jobs, ResultColumn column, bool json);

  // Call once a job, in order.
  void Report(const FileJob& job, const absl::StatusOr<FileReport>& report);

  // Prints the summary. kUnreachable if any file found no server, else kFailed if any failed, else kOk.
  ExitCode Finish();

 private:
  void PrintHeader() const;
  void PrintRow(const FileReport& report) const;
  void DrawProgress() const;
  void ClearProgress() const;

  const ResultColumn column_;
  const bool json_;
  const bool show_progress_;
  const size_t num_files_;
  const absl::Time start_;
  int file_width_ = 4;  // columns
  size_t num_done_ = 0;
  size_t num_failed_ = 0;
  int64_t num_tokens_ = 0;
  int64_t pixel_bytes_ = 0;   // of the pictures as 8-bit RGB
  int64_t latent_bytes_ = 0;  // of encode
  double psnr_sum_db_ = 0;    // of the finite ones
  size_t num_psnr_ = 0;
  ExitCode exit_code_ = ExitCode::kOk;
};

}  // namespace vitok
