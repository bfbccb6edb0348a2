#include "server/listen_address.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <memory>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/numbers.h"
#include "core/base/status_macros.h"
#include "core/base/str_cat.h"

namespace vitok {
namespace {

constexpr std::string_view kUnixPrefix = "unix:";

absl::Status Taken(const ListenAddress& address, int error) {
  return absl::UnavailableError(StrCat("cannot listen on ", address.ToString(), ": ", std::strerror(error)));
}

absl::Status PrepareUnixSocket(const ListenAddress& address) {
  struct stat info = {};
  if (lstat(address.path.c_str(), &info) != 0) {
    if (errno == ENOENT) return absl::OkStatus();
    return Taken(address, errno);
  }
  if (!S_ISSOCK(info.st_mode)) {
    return absl::FailedPreconditionError(
        StrCat("cannot listen on ", address.ToString(), ": the path exists and is no socket"));
  }
  const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return Taken(address, errno);
  const auto close_fd = absl::MakeCleanup([fd] { close(fd); });
  sockaddr_un target = {};
  target.sun_family = AF_UNIX;
  std::memcpy(target.sun_path, address.path.data(), address.path.size());
  if (connect(fd, reinterpret_cast<const sockaddr*>(&target), sizeof(target)) == 0) return Taken(address, EADDRINUSE);
  if (errno != ECONNREFUSED) return Taken(address, errno);
  if (unlink(address.path.c_str()) != 0) return Taken(address, errno);
  return absl::OkStatus();
}

// A TCP socket that is not bound or connected yet, and the address it is meant for.
struct TcpSocket {
  int fd = -1;
  std::unique_ptr<addrinfo, decltype(&freeaddrinfo)> target{nullptr, &freeaddrinfo};
};

absl::StatusOr<TcpSocket> OpenTcp(const ListenAddress& address) {
  addrinfo hints = {};
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_PASSIVE;
  addrinfo* found = nullptr;
  const int error = getaddrinfo(address.host.c_str(), StrCat(address.port).c_str(), &hints, &found);
  if (error != 0) {
    return absl::UnavailableError(StrCat("cannot listen on ", address.ToString(), ": ", gai_strerror(error)));
  }
  TcpSocket tcp;
  tcp.target.reset(found);
  tcp.fd = socket(found->ai_family, found->ai_socktype | SOCK_CLOEXEC, found->ai_protocol);
  if (tcp.fd < 0) return Taken(address, errno);
  return tcp;
}

absl::Status PrepareTcp(const ListenAddress& address) {
  VITOK_ASSIGN_OR_RETURN(const TcpSocket tcp, OpenTcp(address));
  const auto close_fd = absl::MakeCleanup([&tcp] { close(tcp.fd); });
  const int yes = 1;  // connections of an earlier server in TIME_WAIT do not count
  setsockopt(tcp.fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes));
  if (bind(tcp.fd, tcp.target->ai_addr, tcp.target->ai_addrlen) != 0) return Taken(address, errno);
  return absl::OkStatus();
}

}  // namespace

std::string ListenAddress::ToString(int bound_port) const {
  if (is_unix) return StrCat(kUnixPrefix, path);
  const bool is_ipv6 = host.find(':') != std::string::npos;
  return StrCat(is_ipv6 ? "[" : "", host, is_ipv6 ? "]:" : ":", port != 0 ? port : bound_port);
}

bool IsLocal(const ListenAddress& address) {
  in_addr ipv4 = {};
  if (inet_pton(AF_INET, address.host.c_str(), &ipv4) == 1) return (ntohl(ipv4.s_addr) >> 24) == 127;
  return address.is_unix || address.host == "localhost" || address.host == "::1";
}

absl::StatusOr<ListenAddress> ParseListenAddress(std::string_view text) {
  const auto error = [text](std::string_view problem) {
    return absl::InvalidArgumentError(StrCat("address '", text, "' ", problem));
  };
  ListenAddress address;
  if (text.substr(0, kUnixPrefix.size()) == kUnixPrefix) {
    address.is_unix = true;
    address.path = std::string(text.substr(kUnixPrefix.size()));
    constexpr size_t kMaxPath = sizeof(sockaddr_un::sun_path) - 1;
    if (address.path.empty()) return error("must name a path after 'unix:'");
    if (address.path.size() > kMaxPath) {
      return error(StrCat("must have a path of at most ", kMaxPath, " bytes; has ", address.path.size()));
    }
    return address;
  }
  const size_t colon = text.rfind(':');
  if (colon == std::string_view::npos) return error("must be host:port or unix:/path");
  std::string_view host = text.substr(0, colon);
  if (host.size() >= 2 && host.front() == '[' && host.back() == ']') {
    host = host.substr(1, host.size() - 2);
  } else if (host.find(':') != std::string_view::npos) {
    return error("must have its IPv6 host in brackets");
  }
  if (host.empty()) return error("must name a host before the ':'; 0.0.0.0 stands for all interfaces");
  address.host = std::string(host);
  if (!absl::SimpleAtoi(ToAbsl(text.substr(colon + 1)), &address.port) || address.port < 0 || address.port > 65535) {
    return error("must end in a port between 0 and 65535");
  }
  return address;
}

absl::Status PrepareToBind(const ListenAddress& address) {
  return address.is_unix ? PrepareUnixSocket(address) : PrepareTcp(address);
}

}  // namespace vitok
