#include "core/model/batch_staging.h"

#include <algorithm>
#include <cstring>

#include "absl/synchronization/blocking_counter.h"
#include "core/model/pixel_sequences.h"
#include "core/ops/pixel_patches.h"

namespace vitok {
namespace {

constexpr int64_t kAlignment = 64;  // of sections
constexpr int64_t kPictureAlignment = 16;
constexpr int64_t kLeastSharedBytes = int64_t{4} << 20;  // below it to wake threads up takes longer

int64_t RoundUp(int64_t value, int64_t step) { return (value + step - 1) / step * step; }

// Patches or latents of an item.
struct Values {
  const at::Tensor& values_NC;
  const at::Tensor& row_N;
  const at::Tensor& col_N;
  const ImageGeometry& geometry;
};

// nullopt for an image as pixels.
std::optional<Values> ValuesOf(const TokenizerItem& item) {
  if (const auto* patches = std::get_if<PatchSequence>(&item.input)) {
    return Values{patches->patches_ND, patches->row_N, patches->col_N, patches->geometry};
  }
  if (const auto* latents = std::get_if<LatentSequence>(&item.input)) {
    return Values{latents->z_NZ, latents->row_N, latents->col_N, latents->geometry};
  }
  return std::nullopt;
}

int64_t PictureBytes(const ImageGeometry& geometry) { return geometry.pixels() * 3; }

// `source` and then zeros.
void CopyAndPad(const at::Tensor& source, int64_t first, int64_t tokens, at::Tensor& packed) {
  const int64_t count = source.size(0);
  packed.narrow(0, first, count).copy_(source);
  packed.narrow(0, first + count, tokens - count).zero_();
}

at::Tensor Padded(const at::Tensor& source_N, int64_t tokens) {
  at::Tensor padded_N = at::empty({tokens}, at::kInt);
  CopyAndPad(source_N, 0, tokens, padded_N);
  return padded_N;
}

}  // namespace

BatchStaging::BatchStaging(absl::Span<const TokenizerItem> items, const Options& options)
    : items_(items), options_(options) {
  int64_t input_bytes = 0;
  for (const TokenizerItem& item : items) {
    Place place;
    if (const std::optional<Values> values = ValuesOf(item)) {
      place.geometry = values->geometry;
      place.input_tokens = values->values_NC.size(0);
      place.first_value_token = value_tokens_;
    } else {
      place.geometry = GeometryOf(std::get<PixelImage>(item.input), options.patch_px);
      place.input_tokens = place.geometry.cells();
      place.input_byte = input_bytes;
      input_bytes += RoundUp(PictureBytes(place.geometry), kPictureAlignment);
    }
    place.first_token = tokens_;
    place.tokens = std::max(place.input_tokens, options.pad_to_tokens.value_or(0));
    if (item.form == OutputForm::kPicture) {
      place.output_byte = picture_bytes_;
      picture_bytes_ += RoundUp(PictureBytes(place.geometry), kPictureAlignment);
    }
    tokens_ += place.tokens;
    if (place.first_value_token >= 0) value_tokens_ += place.tokens;
    places_.push_back(place);
  }
  const auto images = static_cast<int64_t>(items.size());
  Section* last = &end_;
  const auto add = [&](Section& section, int64_t bytes) {
    section.begin = RoundUp(last->end, kAlignment);
    section.end = section.begin + bytes;
    last = &section;
  };
  add(pixels_, input_bytes);
  add(input_spans_, images * static_cast<int64_t>(sizeof(PixelSpan)));
  add(output_spans_, images * static_cast<int64_t>(sizeof(PixelSpan)));
  add(cu_, (images + 1) * static_cast<int64_t>(sizeof(int32_t)));
  add(values_, value_tokens_ * options.token_values * static_cast<int64_t>(at::elementSize(options.dtype)));
  add(row_, tokens_ * static_cast<int64_t>(sizeof(int32_t)));
  add(col_, tokens_ * static_cast<int64_t>(sizeof(int32_t)));
  end_ = col_;
}

void BatchStaging::Fill(uint8_t* block, ThreadPool* helpers) const {
  FillPixels(block, helpers);
  FillSpans(block);
  if (has_values()) FillValues(block);
}

void BatchStaging::FillPixels(uint8_t* block, ThreadPool* helpers) const {
  const auto copy = [&](size_t begin, size_t end) {
    for (size_t i = begin; i < end; ++i) {
      if (places_[i].input_byte < 0) continue;
      const at::Tensor& pixels_HW3 = std::get<PixelImage>(items_[i].input).pixels_HW3;
      std::memcpy(block + pixels_.begin + places_[i].input_byte, pixels_HW3.const_data_ptr(), pixels_HW3.nbytes());
    }
  };
  const int64_t bytes = pixels_.end - pixels_.begin;
  if (helpers == nullptr || bytes < kLeastSharedBytes) return copy(0, places_.size());
  // Each thread takes images until it has its share; this thread the rest.
  const int64_t share = bytes / (helpers->num_threads() + 1);
  absl::BlockingCounter copied(helpers->num_threads());
  size_t begin = 0;
  for (int thread = 0; thread < helpers->num_threads(); ++thread) {
    size_t end = begin;
    while (end < places_.size() && places_[end].input_byte < (thread + 1) * share) ++end;
    helpers->Schedule([&copy, &copied, begin, end] {
      copy(begin, end);
      copied.DecrementCount();
    });
    begin = end;
  }
  copy(begin, places_.size());
  copied.Wait();
}

void BatchStaging::FillSpans(uint8_t* block) const {
  auto* inputs = reinterpret_cast<PixelSpan*>(block + input_spans_.begin);
  auto* outputs = reinterpret_cast<PixelSpan*>(block + output_spans_.begin);
  auto* cu = reinterpret_cast<int32_t*>(block + cu_.begin);
  for (size_t i = 0; i < places_.size(); ++i) {
    const Place& place = places_[i];
    PixelSpan span = SpanOf(place.geometry, place.first_token);
    span.first_byte = place.output_byte;
    outputs[i] = span;
    span.first_byte = place.input_byte;
    if (place.input_byte >= 0) span.normalize = std::get<PixelImage>(items_[i].input).normalize;
    inputs[i] = span;
    cu[i] = static_cast<int32_t>(place.first_token);
  }
  cu[places_.size()] = static_cast<int32_t>(tokens_);
}

void BatchStaging::FillValues(uint8_t* block) const {
  at::Tensor values_VC =
      at::from_blob(block + values_.begin, {value_tokens_, options_.token_values}, at::TensorOptions(options_.dtype));
  at::Tensor row_T = at::from_blob(block + row_.begin, {tokens_}, at::kInt);
  at::Tensor col_T = at::from_blob(block + col_.begin, {tokens_}, at::kInt);
  for (size_t i = 0; i < places_.size(); ++i) {
    const Place& place = places_[i];
    if (place.first_value_token < 0) continue;
    const std::optional<Values> values = ValuesOf(items_[i]);
    CopyAndPad(values->values_NC, place.first_value_token, place.tokens, values_VC);
    CopyAndPad(values->row_N, place.first_token, place.tokens, row_T);
    CopyAndPad(values->col_N, place.first_token, place.tokens, col_T);
  }
}

TokenLayout BatchStaging::Layout(const at::Tensor& block_B) const {
  TokenLayout layout = {.row_T = row_.Of(block_B).view(at::kInt),
                        .col_T = col_.Of(block_B).view(at::kInt),
                        .cu_I1 = cu_.Of(block_B).view(at::kInt)};
  for (const Place& place : places_) {
    layout.offsets.push_back(place.first_token);
    layout.max_image_tokens = std::max(layout.max_image_tokens, static_cast<int32_t>(place.tokens));
    layout.images.push_back(place.geometry);
  }
  layout.offsets.push_back(tokens_);
  return layout;
}

at::Tensor BatchStaging::Pack(const at::Tensor& block_B, TokenLayout& layout) const {
  const at::Tensor values_VC = values_.Of(block_B).view(options_.dtype).view({value_tokens_, options_.token_values});
  if (!has_pixels()) return values_VC;
  at::Tensor packed_TC = at::empty({tokens_, options_.token_values}, values_VC.options());
  BytesToPatches(pixels_.Of(block_B), input_spans_.Of(block_B), options_.patch_px, packed_TC, layout.row_T,
                 layout.col_T);
  for (const Place& place : places_) {
    if (place.first_value_token < 0) continue;
    packed_TC.narrow(0, place.first_token, place.tokens)
        .copy_(values_VC.narrow(0, place.first_value_token, place.tokens));
  }
  return packed_TC;
}

std::vector<BatchStaging::Output> BatchStaging::Outputs() const {
  std::vector<Output> outputs;
  for (size_t i = 0; i < places_.size(); ++i) {
    const Place& place = places_[i];
    Output output = {.form = items_[i].form,
                     .geometry = place.geometry,
                     .first_token = place.first_token,
                     .tokens = place.tokens,
                     .picture_tokens = std::min(place.tokens, place.geometry.cells()),
                     .first_byte = place.output_byte};
    if (output.form != OutputForm::kPicture) {
      if (const std::optional<Values> values = ValuesOf(items_[i])) {
        output.row_N = Padded(values->row_N, place.tokens);
        output.col_N = Padded(values->col_N, place.tokens);
      } else {
        TokenPositions positions = RasterPositions(place.geometry, place.tokens - place.input_tokens);
        output.row_N = std::move(positions.row_N);
        output.col_N = std::move(positions.col_N);
      }
    }
    outputs.push_back(std::move(output));
  }
  return outputs;
}

}  // namespace vitok
