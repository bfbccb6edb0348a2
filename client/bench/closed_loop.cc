#include "client/bench/closed_loop.h"

#include <atomic>

namespace vitok {
namespace {

class ClosedLoop {
 public:
  ClosedLoop(int concurrency, LoadRun* run) : run_(run), idle_clients_(concurrency) {}

  LoadStats Run() {
    while (!run_->over()) {
      for (int idle = idle_clients_.exchange(0); idle > 0; --idle) Ask();
      run_->Tick();
    }
    return run_->Finish();
  }

 private:
  void Ask() {
    run_->Send(run_->Now(), [this](const RequestOutcome& outcome) {
      if (outcome.unreachable) {
        ++idle_clients_;
      } else {
        Ask();
      }
    });
  }

  LoadRun* const run_;  // not owned
  std::atomic<int> idle_clients_;
};

}  // namespace

LoadStats RunClosedLoop(int concurrency, LoadRun* run) { return ClosedLoop(concurrency, run).Run(); }

}  // namespace vitok
