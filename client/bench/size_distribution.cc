#include "client/bench/size_distribution.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_split.h"
#include "core/base/status_macros.h"
#include "core/base/str_cat.h"

namespace vitok {
namespace {

constexpr std::string_view kUniform = "uniform:";

absl::StatusOr<int32_t> ParseSide(std::string_view text) {
  int32_t side_px = 0;
  if (!absl::SimpleAtoi(ToAbsl(text), &side_px) || side_px < 1 || side_px > SizeDistribution::kLargestSide_px) {
    return absl::InvalidArgumentError(StrCat("a side must be a number of pixels in [1, ",
                                             SizeDistribution::kLargestSide_px, "]; was \"", text, "\""));
  }
  return side_px;
}

// The two parts around the first `separator`; the second is empty without one.
std::pair<std::string_view, std::string_view> SplitAt(std::string_view text, char separator) {
  const size_t at = text.find(separator);
  return at == std::string_view::npos ? std::pair(text, std::string_view())
                                      : std::pair(text.substr(0, at), text.substr(at + 1));
}

// One number in each of `count` equal parts of [0, 1), in random order.
std::vector<double> Stratified(int count, Random* random) {
  std::vector<double> values(count);
  for (int i = 0; i < count; ++i) values[i] = (i + random->Uniform()) / count;
  random->Shuffle(&values);
  return values;
}

int32_t Between(int32_t low, int32_t high, double fraction) {
  return low + static_cast<int32_t>(fraction * (high - low + 1.0));
}

}  // namespace

absl::StatusOr<SizeDistribution::Choice> SizeDistribution::ParseChoice(std::string_view text) {
  const auto [size, weight] = SplitAt(text, ':');
  const auto [width, height] = SplitAt(size, 'x');
  Choice choice;
  VITOK_ASSIGN_OR_RETURN(choice.low.width_px, ParseSide(width));
  choice.low.height_px = choice.low.width_px;
  if (size.find('x') != std::string_view::npos) {
    VITOK_ASSIGN_OR_RETURN(choice.low.height_px, ParseSide(height));
  }
  choice.high = choice.low;
  if (text.find(':') != std::string_view::npos &&
      (!absl::SimpleAtod(ToAbsl(weight), &choice.weight) || !(choice.weight > 0) || !std::isfinite(choice.weight))) {
    return absl::InvalidArgumentError(StrCat("a weight must be positive and finite; was \"", weight, "\""));
  }
  return choice;
}

absl::StatusOr<SizeDistribution> SizeDistribution::Parse(std::string_view text) {
  const auto at_part = [](std::string_view part, const absl::Status& status) {
    return absl::InvalidArgumentError(StrCat("sizes: \"", part, "\": ", status.message()));
  };
  SizeDistribution sizes;
  if (text.starts_with(kUniform)) {
    const auto [low, high] = SplitAt(text.substr(kUniform.size()), '-');
    const absl::StatusOr<int32_t> low_px = ParseSide(low);
    if (!low_px.ok()) return at_part(text, low_px.status());
    const absl::StatusOr<int32_t> high_px = ParseSide(high);
    if (!high_px.ok()) return at_part(text, high_px.status());
    if (*high_px < *low_px) {
      return at_part(text, absl::InvalidArgumentError(StrCat("the range ends at ", *high_px, ", below ", *low_px)));
    }
    sizes.choices_.push_back({{*low_px, *low_px}, {*high_px, *high_px}});
    return sizes;
  }
  for (const absl::string_view part : absl::StrSplit(ToAbsl(text), ',')) {
    const std::string_view part_text(part.data(), part.size());
    absl::StatusOr<Choice> choice = ParseChoice(part_text);
    if (!choice.ok()) return at_part(part_text, choice.status());
    sizes.choices_.push_back(*choice);
  }
  return sizes;
}

std::vector<ImageSize> SizeDistribution::Draw(int count, Random* random) const {
  double total_weight = 0;
  for (const Choice& choice : choices_) total_weight += choice.weight;
  const std::vector<double> picks = Stratified(count, random);
  const std::vector<double> widths = Stratified(count, random);
  const std::vector<double> heights = Stratified(count, random);
  std::vector<ImageSize> sizes;
  for (int i = 0; i < count; ++i) {
    double weight = picks[i] * total_weight;
    auto choice = choices_.begin();
    while (choice + 1 != choices_.end() && weight >= choice->weight) weight -= (choice++)->weight;
    sizes.push_back({Between(choice->low.width_px, choice->high.width_px, widths[i]),
                     Between(choice->low.height_px, choice->high.height_px, heights[i])});
  }
  return sizes;
}

}  // namespace vitok
