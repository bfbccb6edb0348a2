// Fault 23: peers that speak HTTP/2 and mean harm. The server goes on, and what they hold is bounded.
#include <gmock/gmock.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <filesystem>
#include <vector>

#include "tests/server/raw_call.h"
#include "tests/server/server_fixture.h"
#include "tests/support/eventually.h"

namespace vitok {
namespace {

using ::testing::HasSubstr;

int Connect(const std::string& path) {
  const int fd = socket(AF_UNIX, SOCK_STREAM, 0);
  sockaddr_un address = {};
  address.sun_family = AF_UNIX;
  path.copy(address.sun_path, sizeof(address.sun_path) - 1);
  EXPECT_EQ(connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof(address)), 0);
  return fd;
}

void Send(int fd, const std::string& bytes) {
  size_t sent = 0;
  while (sent < bytes.size()) {
    const ssize_t count = send(fd, bytes.data() + sent, bytes.size() - sent, MSG_NOSIGNAL);
    if (count <= 0) return;  // the server has closed
    sent += static_cast<size_t>(count);
  }
}

std::string ReceiveUntilClosed(int fd) {
  std::string all;
  char buffer[4096];
  for (ssize_t count; (count = recv(fd, buffer, sizeof(buffer), 0)) > 0;) all.append(buffer, count);
  return all;
}

// The client's first bytes: preface and an empty SETTINGS frame.
const std::string kHello = std::string("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n") + std::string("\0\0\0\4\0\0\0\0\0", 9);
const std::string kPing = std::string("\0\0\10\6\0\0\0\0\0", 9) + "12345678";

size_t Count(const char* folder) {
  size_t entries = 0;
  for ([[maybe_unused]] const auto& entry : std::filesystem::directory_iterator(folder)) ++entries;
  return entries;
}

TEST_F(ServerTest, ClosesAConnectionThatFloodsItWithPings) {
  StartServer();
  const int fd = Connect(folder_ / "server.sock");
  std::string bytes = kHello;
  for (int i = 0; i < 100; ++i) bytes += kPing;
  Send(fd, bytes);
  EXPECT_THAT(ReceiveUntilClosed(fd), HasSubstr("too_many_pings"));
  close(fd);
  ExpectGoodService();
}

TEST_F(ServerTest, ClosesAConnectionThatSpeaksNonsense) {
  StartServer();
  for (const std::string& bytes : {std::string("GET / HTTP/1.1\r\n\r\n"), std::string(1000, '\xff'),
                                   kHello + std::string("\xff\xff\xff\0\0\0\0\0\0", 9)}) {
    const int fd = Connect(folder_ / "server.sock");
    Send(fd, bytes);
    ReceiveUntilClosed(fd);
    close(fd);
  }
  ExpectGoodService();
}

TEST_F(ServerTest, GivesBackWhatSilentConnectionsHeld) {
  StartServer();
  ExpectGoodService();
  const size_t threads = Count("/proc/self/task");
  const size_t files = Count("/proc/self/fd");
  std::vector<int> fds;
  for (int i = 0; i < 200; ++i) fds.push_back(Connect(folder_ / "server.sock"));
  ExpectGoodService();
  EXPECT_LE(Count("/proc/self/task"), threads + 8) << "a connection must not take a thread";
  for (const int fd : fds) close(fd);
  EXPECT_TRUE(Eventually([&] { return Count("/proc/self/fd") <= files + 2; }));
  ExpectGoodService();
}

// Reflection is the only service whose calls occupy a thread each.
TEST_F(ServerTest, BoundsTheThreadsOfReflection) {
  options_.connections.max_threads = 8;
  StartServer();
  ExpectGoodService();
  const size_t threads = Count("/proc/self/task");
  grpc::GenericStub stub(channel_);
  grpc::CompletionQueue queue;
  constexpr int kStreams = 64;
  std::vector<std::unique_ptr<grpc::ClientContext>> contexts;
  std::vector<std::unique_ptr<grpc::GenericClientAsyncReaderWriter>> calls;
  void* tag = nullptr;
  bool ok = false;
  for (int i = 0; i < kStreams; ++i) {
    contexts.push_back(std::make_unique<grpc::ClientContext>());
    calls.push_back(stub.PrepareCall(contexts.back().get(), kReflection, &queue));
    calls.back()->StartCall(nullptr);
    queue.Next(&tag, &ok);
  }
  ExpectGoodService();
  EXPECT_LE(Count("/proc/self/task"), threads + 16);
  for (int i = 0; i < kStreams; ++i) {
    grpc::Status status;
    contexts[i]->TryCancel();
    calls[i]->Finish(&status, nullptr);
    queue.Next(&tag, &ok);
  }
  ExpectGoodService();
}

}  // namespace
}  // namespace vitok
