#include "client/bench/input_pool.h"

#include <algorithm>
#include <utility>

#include "client/bench/random_latents.h"
#include "client/bench/synthetic_image.h"
#include "client/wire_format.h"
#include "core/base/status_macros.h"
#include "core/base/str_cat.h"

namespace vitok {
namespace {

// Makes one item after the other, in the order of a shuffled list.
class ItemMaker {
 public:
  ItemMaker(const InputPoolOptions& options, const ModelInfo& model, const EncodeFunction& encode)
      : options_(options), model_(model), encode_(encode), random_(options.seed) {
    const int count = options.requests * options.items;
    if (options.pictures.empty()) {
      sizes_ = options.sizes->Draw(count, &random_);
    } else {
      for (int i = 0; i < count; ++i) picture_order_.push_back(i % options.pictures.size());
      random_.Shuffle(&picture_order_);
    }
  }

  absl::StatusOr<SourceImage> NextImage() {
    const size_t index = next_++;
    if (sizes_.empty()) return ToSourceImage(options_.pictures[picture_order_[index]], options_.form);
    const ImageSize size = sizes_[index];
    if (int64_t{3} * size.width_px * size.height_px > options_.max_bytes) {
      return absl::ResourceExhaustedError(StrCat("an image of ", size.width_px, "x", size.height_px,
                                                 " needs more than the ", options_.max_bytes,
                                                 " bytes that all requests together may have"));
    }
    SourceImage image;
    image.size = size;
    VITOK_ASSIGN_OR_RETURN(image.input, ToInput(MakeSyntheticImage(size, &random_), options_.form));
    return image;
  }

  // With the pixels of the picture that they stand for.
  absl::StatusOr<std::pair<Latents, int64_t>> NextLatents() {
    if (options_.latents == LatentSource::kEncoded) {
      VITOK_ASSIGN_OR_RETURN(SourceImage image, NextImage());
      VITOK_ASSIGN_OR_RETURN(Latents latents, encode_(std::move(image.input)));
      const int64_t pixels = int64_t{latents.height_px} * latents.width_px;
      return std::pair(std::move(latents), pixels);
    }
    const ImageSize size = sizes_[next_++];
    const DType dtype = options_.encode.latent_dtype.value_or(model_.dtype);
    return std::pair(MakeRandomLatents(size, model_.patch_px, model_.latent_channels, dtype, &random_),
                     int64_t{size.height_px} * size.width_px);
  }

 private:
  const InputPoolOptions& options_;
  const ModelInfo& model_;
  const EncodeFunction& encode_;
  Random random_;
  std::vector<ImageSize> sizes_;       // of synthetic images, or
  std::vector<size_t> picture_order_;  // indices of pictures
  size_t next_ = 0;
};

template <typename Message>
absl::StatusOr<PreparedRequest> Prepare(const Message& message, std::vector<int64_t> item_pixels) {
  std::string bytes;
  if (!message.SerializeToString(&bytes)) {
    return absl::ResourceExhaustedError(
        StrCat("a request of ", message.ByteSizeLong(), " bytes is larger than a message can be (2 GiB)"));
  }
  const grpc::Slice slice(bytes);
  return PreparedRequest{.message = grpc::ByteBuffer(&slice, 1),
                         .message_bytes = static_cast<int64_t>(bytes.size()),
                         .item_pixels = std::move(item_pixels)};
}

absl::StatusOr<PreparedRequest> MakeRequest(const InputPoolOptions& options, ItemMaker* maker) {
  std::vector<ImageInput> images;
  std::vector<Latents> latents;
  std::vector<int64_t> item_pixels;
  for (int i = 0; i < options.items; ++i) {
    if (options.method == BenchMethod::kDecode) {
      VITOK_ASSIGN_OR_RETURN(auto item, maker->NextLatents());
      latents.push_back(std::move(item.first));
      item_pixels.push_back(item.second);
    } else {
      VITOK_ASSIGN_OR_RETURN(SourceImage image, maker->NextImage());
      item_pixels.push_back(int64_t{image.size.width_px} * image.size.height_px);
      images.push_back(std::move(image.input));
    }
  }
  switch (options.method) {
    case BenchMethod::kEncode: return Prepare(ToWire(std::move(images), options.encode), std::move(item_pixels));
    case BenchMethod::kDecode: return Prepare(ToWire(std::move(latents), options.decode), std::move(item_pixels));
    case BenchMethod::kReconstruct:
      return Prepare(ToWire(std::move(images), options.reconstruct), std::move(item_pixels));
  }
  return absl::InternalError("unknown method");
}

}  // namespace

absl::StatusOr<std::vector<PreparedRequest>> MakeInputPool(const InputPoolOptions& options, const ModelInfo& model,
                                                           const EncodeFunction& encode) {
  ItemMaker maker(options, model, encode);
  std::vector<PreparedRequest> pool;
  int64_t total_bytes = 0;
  for (int i = 0; i < options.requests; ++i) {
    VITOK_ASSIGN_OR_RETURN(PreparedRequest request, MakeRequest(options, &maker));
    total_bytes += request.message_bytes;
    if (total_bytes > options.max_bytes) {
      return absl::ResourceExhaustedError(StrCat("the first ", i + 1, " of ", options.requests, " requests have ",
                                                 total_bytes, " bytes; all together may have ", options.max_bytes));
    }
    pool.push_back(std::move(request));
  }
  return pool;
}

}  // namespace vitok
