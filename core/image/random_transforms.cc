#include "core/image/random_transforms.h"

#include <algorithm>
#include <cmath>
#include <cstdint>

namespace vitok {
namespace {

double TotalWeight(const RandomChoiceOp& op) {
  double total = 0.0;
  for (const RandomChoice& choice : op.choices) total += choice.weight;
  return total;
}

// The first choice at which the sum of the weights passes `point`; the last possible one if rounding hides it.
const RandomChoice& ChoiceAt(const RandomChoiceOp& op, double point) {
  const RandomChoice* last = nullptr;
  double sum = 0.0;
  for (const RandomChoice& choice : op.choices) {
    if (choice.weight == 0.0) continue;
    last = &choice;
    sum += choice.weight;
    if (point < sum) break;
  }
  return *last;
}

// Rounded once from double, so that no machine's float functions matter.
float LogOf(double value) { return static_cast<float>(std::log(static_cast<double>(static_cast<float>(value)))); }

double Between(double low, double high, double uniform) { return low + uniform * (high - low); }

// The largest box in the middle whose ratio is allowed.
PixelWindow MiddleBox(const RandomResizedCropOp& op, SizePx size) {
  const double width = static_cast<double>(size.width), height = static_cast<double>(size.height);
  SizePx box = size;
  if (width / height < op.ratio[0]) box.height = static_cast<int64_t>(std::nearbyint(width / op.ratio[0]));
  if (width / height > op.ratio[1]) box.width = static_cast<int64_t>(std::nearbyint(height * op.ratio[1]));
  box = {std::max<int64_t>(box.height, 1), std::max<int64_t>(box.width, 1)};
  return {(size.height - box.height) / 2, (size.width - box.width) / 2, static_cast<int32_t>(box.height),
          static_cast<int32_t>(box.width)};
}

}  // namespace

bool IsRandom(const TransformOp& op) {
  if (std::holds_alternative<RandomResizedCropOp>(op)) return true;
  if (const auto* flip = std::get_if<FlipOp>(&op)) return flip->probability > 0.0 && flip->probability < 1.0;
  if (const auto* choice = std::get_if<RandomChoiceOp>(&op)) {
    const auto possible = [](const RandomChoice& one) { return one.weight > 0.0; };
    return std::count_if(choice->choices.begin(), choice->choices.end(), possible) > 1 ||
           IsRandom(std::find_if(choice->choices.begin(), choice->choices.end(), possible)->op);
  }
  return false;
}

SizePx TriedCropSize(SizePx size, double area_share, float log_ratio) {
  const double ratio = static_cast<float>(std::exp(static_cast<double>(log_ratio)));
  const double area = static_cast<double>(size.height * size.width) * area_share;
  return {static_cast<int64_t>(std::nearbyint(std::sqrt(area / ratio))),
          static_cast<int64_t>(std::nearbyint(std::sqrt(area * ratio)))};
}

PixelWindow DrawCropBox(const RandomResizedCropOp& op, SizePx size, RandomStream& random) {
  constexpr int kTries = 10;
  const float low = LogOf(op.ratio[0]), high = LogOf(op.ratio[1]);
  for (int i = 0; i < kTries; ++i) {
    const double area_share = Between(op.scale[0], op.scale[1], random.NextUniform());
    const auto log_ratio = static_cast<float>(Between(low, high, random.NextUniform()));
    const SizePx box = TriedCropSize(size, area_share, log_ratio);
    if (box.height < 1 || box.height > size.height || box.width < 1 || box.width > size.width) continue;
    const int64_t top = random.NextBelow(size.height - box.height + 1);
    const int64_t left = random.NextBelow(size.width - box.width + 1);
    return {top, left, static_cast<int32_t>(box.height), static_cast<int32_t>(box.width)};
  }
  return MiddleBox(op, size);
}

TransformOp DrawTransform(const TransformOp& op, SizePx size, RandomStream& random) {
  if (const auto* crop = std::get_if<RandomResizedCropOp>(&op)) {
    return CropAndResizeOp{DrawCropBox(*crop, size, random), crop->height_px, crop->width_px};
  }
  if (const auto* flip = std::get_if<FlipOp>(&op)) {
    if (random.NextUniform() < flip->probability) return MirrorOp{};
    return IdentityOp{};
  }
  if (const auto* choice = std::get_if<RandomChoiceOp>(&op)) {
    return DrawTransform(ChoiceAt(*choice, random.NextUniform() * TotalWeight(*choice)).op, size, random);
  }
  return op;
}

}  // namespace vitok
