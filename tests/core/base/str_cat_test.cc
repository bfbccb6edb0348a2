#include "core/base/str_cat.h"

#include <gtest/gtest.h>

#include <cstdint>

namespace vitok {
namespace {

TEST(StrCatTest, JoinsViewsStringsAndNumbers) {
  const std::string_view view = "view";
  EXPECT_EQ(StrCat(view, " ", std::string("string"), " ", 7, " ", int64_t{-1}, " ", 0.5, " ", view.substr(1, 2)),
            "view string 7 -1 0.5 ie");
  EXPECT_EQ(StrCat(), "");
}

}  // namespace
}  // namespace vitok
