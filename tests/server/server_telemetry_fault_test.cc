// What observes the server fails, and its service does not.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <spdlog/spdlog.h>
#include <sys/resource.h>
#include <unistd.h>

#include <memory>
#include <string>
#include <vector>

#include "core/base/log.h"
#include "server/listen_address.h"
#include "server/process_metrics.h"
#include "tests/server/server_fixture.h"

namespace vitok {
namespace {

class TelemetryFaultTest : public ServerTest {
 protected:
  ~TelemetryFaultTest() override { StopRedirecting(); }

  // The log goes to `fd`, which is closed here, as that of vitok-server to its standard error.
  void LogTo(int fd) {
    ASSERT_GE(fd, 0);
    standard_error_ = dup(STDERR_FILENO);
    dup2(fd, STDERR_FILENO);
    close(fd);
    ASSERT_TRUE(InitLogging({}).ok());
  }

  void StopRedirecting() {
    if (standard_error_ < 0) return;
    spdlog::set_default_logger(before_);
    dup2(standard_error_, STDERR_FILENO);
    close(standard_error_);
    standard_error_ = -1;
  }

  double LostLines() { return Metric("vitok_telemetry_dropped_total{sink=\"log\"}"); }

  const std::shared_ptr<spdlog::logger> before_ = spdlog::default_logger();
  int standard_error_ = -1;
};

TEST_F(TelemetryFaultTest, F25_AFullLogDiskLosesLinesOnly) {
  LogTo(open("/dev/full", O_WRONLY));
  StartServer();
  const double lost = LostLines();
  for (int i = 0; i < 5; ++i) ExpectGoodService();
  EXPECT_GE(LostLines(), lost + 5);
}

TEST_F(TelemetryFaultTest, F25_AReaderOfTheLogThatHasGoneLosesLinesOnly) {
  int ends[2];
  ASSERT_EQ(pipe(ends), 0);
  close(ends[0]);
  LogTo(ends[1]);
  StartServer();
  const double lost = LostLines();
  for (int i = 0; i < 5; ++i) ExpectGoodService();
  EXPECT_GE(LostLines(), lost + 5);
}

TEST_F(TelemetryFaultTest, F25_AReaderOfTheLogThatSleepsHoldsNobodyUp) {
  int ends[2];
  ASSERT_EQ(pipe(ends), 0);
  const std::string filler(4096, 'x');
  fcntl(ends[1], F_SETFL, O_NONBLOCK);
  while (write(ends[1], filler.data(), filler.size()) > 0) {
  }
  fcntl(ends[1], F_SETFL, 0);
  LogTo(ends[1]);
  StartServer();
  const double lost = LostLines();
  for (int i = 0; i < 5; ++i) ExpectGoodService();
  EXPECT_GE(LostLines(), lost + 5);
  close(ends[0]);
}

// Takes every file descriptor of the process until destroyed.
class NoFileDescriptors {
 public:
  NoFileDescriptors() {
    getrlimit(RLIMIT_NOFILE, &before_);
    taken_.push_back(dup(STDIN_FILENO));
    const rlimit few = {.rlim_cur = static_cast<rlim_t>(taken_.front()) + 1, .rlim_max = before_.rlim_max};
    setrlimit(RLIMIT_NOFILE, &few);
    for (int fd; (fd = dup(STDIN_FILENO)) >= 0;) taken_.push_back(fd);
  }
  ~NoFileDescriptors() {
    for (const int fd : taken_) close(fd);
    setrlimit(RLIMIT_NOFILE, &before_);
  }
  NoFileDescriptors(const NoFileDescriptors&) = delete;
  NoFileDescriptors& operator=(const NoFileDescriptors&) = delete;

 private:
  rlimit before_ = {};
  std::vector<int> taken_;
};

TEST_F(TelemetryFaultTest, F25_WithoutFileDescriptorsStandingConnectionsAreServed) {
  StartServer();
  ExpectGoodService();
  const ListenAddress http = ParseListenAddress(server_->http_address()).value();
  sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(static_cast<uint16_t>(http.port))};
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  std::vector<int> clients(3);
  for (int& client : clients) client = socket(AF_INET, SOCK_STREAM, 0);
  {
    const NoFileDescriptors none;
    EXPECT_FALSE(CountOpenFiles().has_value());
    // The kernel takes them, the server can not: a scrape fails, and nothing else does.
    for (const int client : clients) {
      EXPECT_EQ(connect(client, reinterpret_cast<const sockaddr*>(&address), sizeof(address)), 0);
    }
    for (int i = 0; i < 5; ++i) ExpectGoodService();
  }
  // The last one, since the first may have been taken before: an accept that waits has its descriptor.
  const std::string request = "GET /livez HTTP/1.1\r\nConnection: close\r\n\r\n";
  ASSERT_EQ(send(clients.back(), request.data(), request.size(), MSG_NOSIGNAL), static_cast<ssize_t>(request.size()));
  char start[12] = {};
  EXPECT_EQ(recv(clients.back(), start, sizeof(start), MSG_WAITALL), static_cast<ssize_t>(sizeof(start)));
  EXPECT_EQ(std::string(start, sizeof(start)), "HTTP/1.1 200");
  for (const int client : clients) close(client);
}

}  // namespace
}  // namespace vitok
