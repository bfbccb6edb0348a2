// Peers that speak HTTP/2 and mean harm. The server goes on, and what they hold is bounded.
#include <gmock/gmock.h>
#include <unistd.h>

#include <vector>

#include "tests/server/raw_call.h"
#include "tests/server/raw_connection.h"
#include "tests/server/server_fixture.h"
#include "tests/support/eventually.h"
#include "tests/support/process_size.h"

namespace vitok {
namespace {

using ::testing::HasSubstr;

TEST_F(ServerTest, F23_ClosesAConnectionThatFloodsItWithPings) {
  StartServer();
  const int fd = ConnectRaw(folder_ / "server.sock");
  std::string bytes = kHttp2Hello;
  for (int i = 0; i < 100; ++i) bytes += kHttp2Ping;
  SendRaw(fd, bytes);
  EXPECT_THAT(ReceiveUntilClosed(fd), HasSubstr("too_many_pings"));
  close(fd);
  ExpectGoodService();
}

TEST_F(ServerTest, F23_ClosesAConnectionThatSpeaksNonsense) {
  StartServer();
  for (const std::string& bytes : {std::string("GET / HTTP/1.1\r\n\r\n"), std::string(1000, '\xff'),
                                   kHttp2Hello + std::string("\xff\xff\xff\0\0\0\0\0\0", 9)}) {
    const int fd = ConnectRaw(folder_ / "server.sock");
    SendRaw(fd, bytes);
    ReceiveUntilClosed(fd);
    close(fd);
  }
  ExpectGoodService();
}

TEST_F(ServerTest, F23_GivesBackWhatSilentConnectionsHeld) {
  StartServer();
  ExpectGoodService();
  const size_t threads = CountEntries("/proc/self/task");
  const size_t files = CountEntries("/proc/self/fd");
  std::vector<int> fds;
  for (int i = 0; i < 300; ++i) fds.push_back(ConnectRaw(folder_ / "server.sock"));
  ExpectGoodService();
  EXPECT_LE(CountEntries("/proc/self/task"), threads + 8) << "a connection must not take a thread";
  for (const int fd : fds) close(fd);
  EXPECT_TRUE(Eventually([&] { return CountEntries("/proc/self/fd") <= files + 2; }));
  ExpectGoodService();
}

// Reflection is the only service whose calls occupy a thread each.
TEST_F(ServerTest, F23_BoundsTheThreadsOfReflection) {
  options_.connections.max_threads = 8;
  StartServer();
  ExpectGoodService();
  const size_t threads = CountEntries("/proc/self/task");
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
  EXPECT_LE(CountEntries("/proc/self/task"), threads + 16);
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
