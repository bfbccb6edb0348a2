// The libraries behind the parquet plug-in and those of torch in one process.
#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "core/image/image_source.h"

namespace vitok {
namespace {

at::Tensor Compute() {
  const at::Tensor rows = at::arange(64 * 64, at::kFloat).reshape({64, 64}) / 4096;
  return at::softmax(at::matmul(rows, rows.t()), -1);
}

TEST(ParquetWithTorchTest, EachWorksBesideTheOther) {
  const at::Tensor before = Compute();
  for (const char* name : {"structs", "gzip", "brotli", "lz4"}) {
    const auto source = OpenImageSource(std::string("tests/core/image/source/parquet/") + name + ".parquet", {});
    ASSERT_TRUE(source.ok()) << source.status();
    int samples = 0;
    while (true) {
      const absl::StatusOr<std::optional<ImageSample>> sample = (*source)->Next();
      ASSERT_TRUE(sample.ok()) << sample.status();
      if (!sample->has_value()) break;
      ++samples;
    }
    EXPECT_EQ(samples, 11) << name;
  }
  EXPECT_TRUE(at::equal(Compute(), before));
}

}  // namespace
}  // namespace vitok
