// Peers that speak HTTP/2 by hand, to break off where a client's gRPC would not.
#pragma once

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <cstdint>
#include <string>
#include <string_view>

#include "core/base/str_cat.h"

namespace vitok {

// A socket connected to the unix socket at `path`; the caller closes it.
inline int ConnectRaw(const std::string& path) {
  const int fd = socket(AF_UNIX, SOCK_STREAM, 0);
  sockaddr_un address = {};
  address.sun_family = AF_UNIX;
  path.copy(address.sun_path, sizeof(address.sun_path) - 1);
  EXPECT_EQ(connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof(address)), 0);
  return fd;
}

inline void SendRaw(int fd, const std::string& bytes) {
  size_t sent = 0;
  while (sent < bytes.size()) {
    const ssize_t count = send(fd, bytes.data() + sent, bytes.size() - sent, MSG_NOSIGNAL);
    if (count <= 0) return;  // the server has closed
    sent += static_cast<size_t>(count);
  }
}

inline std::string ReceiveUntilClosed(int fd) {
  std::string all;
  char buffer[4096];
  for (ssize_t count; (count = recv(fd, buffer, sizeof(buffer), 0)) > 0;) all.append(buffer, count);
  return all;
}

// The client's first bytes: preface and an empty SETTINGS frame.
inline const std::string kHttp2Hello =
    std::string("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n") + std::string("\0\0\0\4\0\0\0\0\0", 9);
inline const std::string kHttp2Ping = std::string("\0\0\10\6\0\0\0\0\0", 9) + "12345678";

// A frame of stream 1. REQUIRES: fewer than 256 bytes of payload.
inline std::string Http2Frame(char type, char flags, const std::string& payload) {
  return StrCat(std::string(2, '\0'), std::string(1, static_cast<char>(payload.size())), std::string(1, type),
                std::string(1, flags), std::string("\0\0\0\1", 4), payload);
}

// The HEADERS frame that opens a gRPC call. REQUIRES: a method of fewer than 100 characters.
inline std::string Http2Call(std::string_view method) {
  const auto text = [](std::string_view value) {
    return StrCat(std::string(1, static_cast<char>(value.size())), value);
  };
  // HPACK: entries of its static table (POST, http, :path, :authority, content-type), never Huffman-coded.
  return Http2Frame(/*type=*/1, /*flags=END_HEADERS*/ 4,
                    StrCat("\x83\x86\x04", text(method), "\x01", text("localhost"), "\x0f\x10",
                           text("application/grpc"), std::string(1, '\0'), text("te"), text("trailers")));
}

// A DATA frame with the first bytes of a gRPC message that is said to be longer.
inline std::string Http2HalfMessage() {
  return Http2Frame(/*type=*/0, /*flags=*/0, std::string("\0\0\0\1\0", 5) + "half");
}

}  // namespace vitok
