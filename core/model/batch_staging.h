// How a batch lies in one block of memory, the same on the host and on the device, so that it goes there in one copy:
//
//   pixels of the images | input spans I | output spans I | cu I+1 | values of patches or latents | row T | col T
//
// Rows and columns of images that come as pixels are left to the device, which writes them together with the patches.
#pragma once

#include <ATen/ATen.h>

#include <cstdint>
#include <optional>
#include <vector>

#include "absl/types/span.h"
#include "core/base/thread_pool.h"
#include "core/model/tokenizer_batch.h"
#include "core/tokens/packed_tokens.h"

namespace vitok {

class BatchStaging {
 public:
  struct Options {
    int64_t patch_px = 0;
    int64_t token_values = 0;              // of the inputs: D, or Z for latents
    at::ScalarType dtype = at::kFloat;     // of the packed inputs
    std::optional<int64_t> pad_to_tokens;  // as PackOptions
  };

  // `items` must outlive this object, but for the functions that say otherwise. REQUIRES: KindOf(items) is OK.
  BatchStaging(absl::Span<const TokenizerItem> items, const Options& options);

  int64_t block_bytes() const { return end_.end; }
  int64_t filled_bytes() const { return has_values() ? end_.end : cu_.end; }  // those that Fill writes

  // Large batches of pixels are copied by the threads of `helpers` (null: none), too: one thread copies pictures that
  // are in no cache at 5 to 8 GB/s, less than a GPU takes. REQUIRES: block_bytes() bytes at an address that is a
  // multiple of 8.
  void Fill(uint8_t* block, ThreadPool* helpers = nullptr) const;

  // `block_B` (uint8) holds what Fill wrote, on any device. Values [T, token_values]; they and the layout are views of
  // the block as far as possible. Pack writes rows and columns, too: the layout is whole when it has run.
  TokenLayout Layout(const at::Tensor& block_B) const;
  at::Tensor Pack(const at::Tensor& block_B, TokenLayout& layout) const;

  // Where the pictures lie that come out: spans in the block, and how long their buffer is (0: there are none).
  at::Tensor OutputSpans(const at::Tensor& block_B) const { return output_spans_.Of(block_B); }
  int64_t picture_bytes() const { return picture_bytes_; }

  // What is needed of an item to cut its part out of the results.
  struct Output {
    OutputForm form = OutputForm::kLatents;
    ImageGeometry geometry;
    int64_t first_token = 0;
    int64_t tokens = 0;          // with padding
    int64_t picture_tokens = 0;  // without
    int64_t first_byte = -1;     // of its picture
    at::Tensor row_N, col_N;     // on the host, with padding; undefined for a picture
  };
  // Owns all that is in it.
  std::vector<Output> Outputs() const;

 private:
  // Part of the block.
  struct Section {
    int64_t begin = 0, end = 0;
    at::Tensor Of(const at::Tensor& block_B) const { return block_B.narrow(0, begin, end - begin); }
  };
  struct Place {
    ImageGeometry geometry;
    int64_t first_token = 0;
    int64_t input_tokens = 0;
    int64_t tokens = 0;              // with padding
    int64_t input_byte = -1;         // of its pixels
    int64_t output_byte = -1;        // of its picture
    int64_t first_value_token = -1;  // among the tokens that come as values
  };

  bool has_values() const { return value_tokens_ > 0; }
  bool has_pixels() const { return value_tokens_ < tokens_; }
  void FillPixels(uint8_t* block, ThreadPool* helpers) const;
  void FillSpans(uint8_t* block) const;
  void FillValues(uint8_t* block) const;

  const absl::Span<const TokenizerItem> items_;
  const Options options_;
  std::vector<Place> places_;
  int64_t tokens_ = 0;
  int64_t value_tokens_ = 0;
  int64_t picture_bytes_ = 0;
  Section pixels_, input_spans_, output_spans_, cu_, values_, row_, col_, end_;
};

}  // namespace vitok
