// Requests as unary calls.
#pragma once

#include <memory>

#include "client/bench/load_driver.h"
#include "client/bench/load_driver_options.h"

namespace vitok {

// Takes the connections in turn: those of all servers, then again from the first. No thread waits for a single call, so
// thousands may be under way. Done runs on one of `threads` threads. REQUIRES at destruction: no request is under way.
class UnaryDriver final : public LoadDriver {
 public:
  explicit UnaryDriver(const LoadDriverOptions& options);
  ~UnaryDriver() override;

  void Connect(absl::Duration timeout) override;
  void Send(const PreparedRequest& request, Done done) override;
  void CancelAll() override;

 private:
  class Impl;  // keeps gRPC out of this header

  const std::unique_ptr<Impl> impl_;
};

}  // namespace vitok
