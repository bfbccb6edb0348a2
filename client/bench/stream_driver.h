// Requests over bidirectional streams.
#pragma once

#include <memory>

#include "client/bench/load_driver.h"
#include "client/bench/load_driver_options.h"

namespace vitok {

// Takes the streams in turn, which take the connections in turn: those of all servers, then again from the first. A
// stream is opened by its first request and, after it ended, by the next one. What the server does not take yet waits
// in the driver; that is part of the round trip. A request that the stream leaves unanswered ends with the status of
// the stream, or goes to the next server, as UnaryDriver does it. Done runs on one of `threads` threads. REQUIRES at
// destruction: no request is under way.
class StreamDriver final : public LoadDriver {
 public:
  // REQUIRES: at least one stream for each server.
  StreamDriver(const LoadDriverOptions& options, int streams);
  ~StreamDriver() override;

  void Connect(absl::Duration timeout) override;
  void Send(const PreparedRequest& request, Done done) override;
  void CancelAll() override;

 private:
  class Impl;  // keeps gRPC out of this header

  const std::unique_ptr<Impl> impl_;
};

}  // namespace vitok
