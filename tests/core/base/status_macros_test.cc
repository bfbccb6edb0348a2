#include "core/base/status_macros.h"

#include <gtest/gtest.h>

#include <memory>

namespace vitok {
namespace {

absl::StatusOr<std::unique_ptr<int>> Positive(int value) {
  if (value <= 0) return absl::InvalidArgumentError("value must be positive");
  return std::make_unique<int>(value);
}

absl::StatusOr<int> Sum(int a, int b, int& evaluations) {
  VITOK_ASSIGN_OR_RETURN(std::unique_ptr<int> first, Positive(a));
  ++evaluations;
  VITOK_RETURN_IF_ERROR(Positive(b).status());
  ++evaluations;
  return *first + b;
}

TEST(StatusMacrosTest, PassValuesOn) {
  int evaluations = 0;
  EXPECT_EQ(*Sum(1, 2, evaluations), 3);
}

TEST(StatusMacrosTest, ReturnTheFirstError) {
  int evaluations = 0;
  EXPECT_EQ(Sum(0, 2, evaluations).status().message(), "value must be positive");
  EXPECT_EQ(evaluations, 0);
  EXPECT_EQ(Sum(1, 0, evaluations).status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(evaluations, 1);
}

}  // namespace
}  // namespace vitok
