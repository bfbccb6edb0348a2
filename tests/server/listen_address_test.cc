#include "server/listen_address.h"

#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstring>
#include <filesystem>
#include <fstream>

#include "core/base/str_cat.h"

namespace vitok {
namespace {

using ::testing::HasSubstr;

TEST(ListenAddressTest, ReadsAllForms) {
  EXPECT_EQ(ParseListenAddress("0.0.0.0:8500")->port, 8500);
  EXPECT_EQ(ParseListenAddress("[::1]:80")->host, "::1");
  EXPECT_EQ(ParseListenAddress("[::1]:80")->ToString(), "[::1]:80");
  EXPECT_EQ(ParseListenAddress("unix:/tmp/x.sock")->path, "/tmp/x.sock");
  EXPECT_EQ(ParseListenAddress("localhost:0")->ToString(4711), "localhost:4711");
}

TEST(ListenAddressTest, KnowsWhatOnlyThisMachineCanReach) {
  for (const char* local : {"unix:/x", "127.0.0.1:1", "127.8.8.8:1", "localhost:1", "[::1]:1"}) {
    EXPECT_TRUE(IsLocal(*ParseListenAddress(local))) << local;
  }
  for (const char* other : {"0.0.0.0:1", "[::]:1", "example.org:1", "127.example.org:1", "10.0.0.1:1"}) {
    EXPECT_FALSE(IsLocal(*ParseListenAddress(other))) << other;
  }
}

TEST(ListenAddressTest, NamesWhatIsWrong) {
  const auto message = [](std::string_view text) { return std::string(ParseListenAddress(text).status().message()); };
  EXPECT_THAT(message("localhost"), HasSubstr("'localhost' must be host:port or unix:/path"));
  EXPECT_THAT(message("localhost:65536"), HasSubstr("port between 0 and 65535"));
  EXPECT_THAT(message("localhost:x"), HasSubstr("port between 0 and 65535"));
  EXPECT_THAT(message(":8500"), HasSubstr("must name a host"));
  EXPECT_THAT(message("::1:8500"), HasSubstr("brackets"));
  EXPECT_THAT(message("unix:"), HasSubstr("must name a path"));
  EXPECT_THAT(message("unix:/" + std::string(200, 'x')), HasSubstr("at most 107 bytes; has 201"));
}

class UnixSocketTest : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string name = (std::filesystem::temp_directory_path() / "vitok-XXXXXX").string();
    ASSERT_NE(mkdtemp(name.data()), nullptr);
    folder_ = name;
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  ListenAddress Address() { return *ParseListenAddress(StrCat("unix:", folder_, "/s")); }

  int Listen() {
    const int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    sockaddr_un address = {};
    address.sun_family = AF_UNIX;
    std::strcpy(address.sun_path, (folder_ + "/s").c_str());
    EXPECT_EQ(bind(fd, reinterpret_cast<sockaddr*>(&address), sizeof(address)), 0);
    EXPECT_EQ(listen(fd, 1), 0);
    return fd;
  }

  std::string folder_;
};

TEST_F(UnixSocketTest, F18_RemovesTheSocketOfADeadServer) {
  close(Listen());
  ASSERT_TRUE(std::filesystem::exists(folder_ + "/s"));
  EXPECT_TRUE(PrepareToBind(Address()).ok());
  EXPECT_FALSE(std::filesystem::exists(folder_ + "/s"));
}

TEST_F(UnixSocketTest, F18_LeavesTheSocketOfALiveServerAlone) {
  const int fd = Listen();
  const absl::Status status = PrepareToBind(Address());
  EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable);
  EXPECT_THAT(std::string(status.message()), HasSubstr("Address already in use"));
  close(fd);
}

TEST_F(UnixSocketTest, LeavesOtherFilesAlone) {
  std::ofstream(folder_ + "/s") << "precious";
  EXPECT_EQ(PrepareToBind(Address()).code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_TRUE(std::filesystem::exists(folder_ + "/s"));
}

TEST(TcpAddressTest, ReportsATakenPort) {
  const int fd = socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address = {};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  ASSERT_EQ(bind(fd, reinterpret_cast<sockaddr*>(&address), sizeof(address)), 0);
  ASSERT_EQ(listen(fd, 1), 0);
  socklen_t size = sizeof(address);
  getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size);
  const std::string text = StrCat("127.0.0.1:", ntohs(address.sin_port));
  const absl::Status status = PrepareToBind(*ParseListenAddress(text));
  EXPECT_THAT(std::string(status.message()), HasSubstr(StrCat("cannot listen on ", text, ": Address already in use")));
  close(fd);
  EXPECT_TRUE(PrepareToBind(*ParseListenAddress("127.0.0.1:0")).ok());
}

}  // namespace
}  // namespace vitok
