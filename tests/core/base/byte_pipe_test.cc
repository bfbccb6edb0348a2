#include "core/base/byte_pipe.h"

#include <gtest/gtest.h>

#include <string>
#include <thread>

namespace vitok {
namespace {

std::string Letters(size_t size) {
  std::string letters(size, ' ');
  for (size_t i = 0; i < size; ++i) letters[i] = static_cast<char>('a' + i % 26);
  return letters;
}

TEST(BytePipeTest, GivesWhatWasWrittenInPiecesOfItsCapacityAtMost) {
  const std::string sent = Letters(100'003);
  BytePipe pipe(7);
  std::thread writer([&] {
    for (size_t at = 0, piece = 1; at < sent.size(); at += piece, piece = piece % 23 + 1) {
      EXPECT_TRUE(pipe.Write(std::string_view(sent).substr(at, piece)));
    }
    pipe.CloseWriter(absl::OkStatus());
  });
  std::string got, buffer(100, ' ');
  while (true) {
    const absl::StatusOr<int64_t> bytes = pipe.Read(absl::MakeSpan(buffer));
    ASSERT_TRUE(bytes.ok()) << bytes.status();
    if (*bytes == 0) break;
    EXPECT_LE(*bytes, 7);
    got.append(buffer, 0, *bytes);
  }
  writer.join();
  EXPECT_TRUE(got == sent);
  EXPECT_EQ(*pipe.Read(absl::MakeSpan(buffer)), 0);
}

TEST(BytePipeTest, ErrorComesAfterWhatWasWritten) {
  BytePipe pipe(10);
  EXPECT_TRUE(pipe.Write("abc"));
  pipe.CloseWriter(absl::DataLossError("torn"));
  std::string buffer(2, ' ');
  EXPECT_EQ(*pipe.Read(absl::MakeSpan(buffer)), 2);
  EXPECT_EQ(*pipe.Read(absl::MakeSpan(buffer)), 1);
  EXPECT_EQ(pipe.Read(absl::MakeSpan(buffer)).status(), absl::DataLossError("torn"));
  EXPECT_EQ(pipe.Read(absl::MakeSpan(buffer)).status(), absl::DataLossError("torn"));
}

TEST(BytePipeTest, SkipsWhatIsThereAndNeverWaits) {
  BytePipe pipe(4);
  EXPECT_EQ(pipe.Skip(3), 0);
  EXPECT_TRUE(pipe.Write("abc"));
  EXPECT_EQ(pipe.Skip(-1), 0);
  EXPECT_EQ(pipe.Skip(2), 2);
  EXPECT_TRUE(pipe.Write("def"));  // around the end of the ring
  EXPECT_EQ(pipe.Skip(2), 2);
  std::string buffer(4, ' ');
  EXPECT_EQ(*pipe.Read(absl::MakeSpan(buffer)), 2);
  EXPECT_EQ(buffer.substr(0, 2), "ef");
  EXPECT_EQ(pipe.Skip(9), 0);
}

TEST(BytePipeTest, WriterThatWaitsIsToldThatNobodyReads) {
  BytePipe pipe(4);
  std::thread writer([&] { EXPECT_FALSE(pipe.Write("more than four bytes")); });
  std::string byte(1, ' ');
  EXPECT_EQ(*pipe.Read(absl::MakeSpan(byte)), 1);
  pipe.CloseReader();
  writer.join();
  EXPECT_FALSE(pipe.Write("x"));
}

}  // namespace
}  // namespace vitok
