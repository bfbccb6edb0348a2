// Several sources, mixed by weights.
#pragma once

#include <memory>
#include <vector>

#include "core/base/random_stream.h"
#include "core/image/image_source.h"

namespace vitok {

// Each sample is drawn from one of the parts, with a probability in proportion to its weight. Without end: a part whose
// epoch has ended begins its next.
class MixedSource : public ImageSource {
 public:
  struct Part {
    std::unique_ptr<ImageSource> source;
    double weight = 1;
  };
  // REQUIRES: at least one part; positive weights.
  MixedSource(std::vector<Part> parts, const ImageSourceOptions& options);

  absl::StatusOr<std::optional<ImageSample>> Next() override;
  absl::StatusOr<ImageSample> Fetch(const SampleRef& ref) override;
  nlohmann::json Position() const override;
  absl::Status Resume(const nlohmann::json& position) override;
  SourceStats Stats() const override;

 private:
  size_t DrawPart();
  nlohmann::json Identity() const;

  std::vector<Part> parts_;
  double total_weight_ = 0;
  RandomStream draws_;
};

}  // namespace vitok
