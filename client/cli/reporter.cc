#include "client/cli/reporter.h"

#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstdio>

#include "absl/strings/str_format.h"
#include "absl/time/clock.h"
#include "client/cli/connection.h"
#include "core/base/str_cat.h"

namespace vitok {
namespace {

constexpr int kProgressColumns = 30;

// The title of the column, or with a report its cell, with the space before it.
std::string ResultCell(ResultColumn column, const FileReport* report) {
  switch (column) {
    case ResultColumn::kNone: return "";
    case ResultColumn::kPsnr:
      if (report == nullptr) return "  psnr dB";
      // Identical pictures: "inf".
      return report->psnr_db ? absl::StrFormat(" %8.3f", *report->psnr_db) : "        -";
    case ResultColumn::kLatentBytes:
      if (report == nullptr) return "  latent bytes";
      return absl::StrFormat(" %13d", report->latent_bytes.value_or(0));
  }
  return "";
}

}  // namespace

Reporter::Reporter(const std::vector<FileJob>& jobs, ResultColumn column, bool json)
    : column_(column),
      json_(json),
      show_progress_(jobs.size() > 1 && isatty(STDERR_FILENO) == 1),
      num_files_(jobs.size()),
      start_(absl::Now()) {
  for (const FileJob& job : jobs) file_width_ = std::max(file_width_, static_cast<int>(job.input.size()));
  DrawProgress();
}

void Reporter::Report(const FileJob& job, const absl::StatusOr<FileReport>& report) {
  ClearProgress();
  ++num_done_;
  if (!report.ok()) {
    ++num_failed_;
    PrintError(job.input, report.status());
    exit_code_ = std::max(exit_code_, ExitCodeOf(report.status()));
    if (json_) std::printf("%s\n", OneLine(ErrorToJson(job.input, job.output, report.status())).c_str());
  } else {
    num_tokens_ += report->tokens;
    pixel_bytes_ += int64_t{3} * report->width_px * report->height_px;
    latent_bytes_ += report->latent_bytes.value_or(0);
    if (report->psnr_db && std::isfinite(*report->psnr_db)) {
      psnr_sum_db_ += *report->psnr_db;
      ++num_psnr_;
    }
    if (json_) {
      std::printf("%s\n", OneLine(ToJson(*report)).c_str());
    } else {
      if (num_done_ - num_failed_ == 1) PrintHeader();
      PrintRow(*report);
    }
  }
  std::fflush(stdout);
  DrawProgress();
}

ExitCode Reporter::Finish() {
  ClearProgress();
  if (!json_ && num_files_ > 1) {
    const double seconds = absl::ToDoubleSeconds(absl::Now() - start_);
    const size_t num_good = num_done_ - num_failed_;
    std::string line = absl::StrFormat("%d files, %d tokens in %.2f s (%.1f files/s)", num_good, num_tokens_, seconds,
                                       num_good / seconds);
    if (num_psnr_ > 0) absl::StrAppendFormat(&line, ", mean psnr %.3f dB", psnr_sum_db_ / num_psnr_);
    if (latent_bytes_ > 0) {
      absl::StrAppendFormat(&line, ", latents %.2f MB: 1/%.1f of the pixels", latent_bytes_ / 1e6,
                            static_cast<double>(pixel_bytes_) / latent_bytes_);
    }
    if (num_failed_ > 0) absl::StrAppendFormat(&line, ", %d failed", num_failed_);
    std::printf("%s\n", line.c_str());
  }
  return exit_code_;
}

void Reporter::PrintHeader() const {
  std::printf("%-*s  %11s %7s%s %8s %8s %8s %8s %8s %8s %8s %8s\n", file_width_, "file", "size", "tokens",
              ResultCell(column_, nullptr).c_str(), "pre ms", "queue", "to dev", "compute", "to host", "post", "total",
              "trip");
}

void Reporter::PrintRow(const FileReport& report) const {
  const Timings& t = report.timings;
  std::printf("%-*s  %11s %7lld%s", file_width_, report.file.c_str(),
              StrCat(report.width_px, "x", report.height_px).c_str(), static_cast<long long>(report.tokens),
              ResultCell(column_, &report).c_str());
  for (absl::Duration stage :
       {t.preprocess, t.queue, t.host_to_device, t.compute, t.device_to_host, t.postprocess, t.total, t.round_trip}) {
    std::printf(" %8.2f", absl::ToDoubleMilliseconds(stage));
  }
  std::printf("\n");
}

void Reporter::DrawProgress() const {
  if (!show_progress_ || num_done_ == num_files_) return;
  const int filled = static_cast<int>(kProgressColumns * num_done_ / num_files_);
  const double seconds = absl::ToDoubleSeconds(absl::Now() - start_);
  std::fprintf(stderr, "\r[%s%s] %zu/%zu  %.1f files/s", std::string(filled, '#').c_str(),
               std::string(kProgressColumns - filled, '.').c_str(), num_done_, num_files_,
               seconds > 0 ? num_done_ / seconds : 0.0);
  std::fflush(stderr);
}

void Reporter::ClearProgress() const {
  if (show_progress_) std::fprintf(stderr, "\r\033[K");
}

}  // namespace vitok
