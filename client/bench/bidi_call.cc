#include "client/bench/bidi_call.h"

namespace vitok {

BidiCall::BidiCall(const LoadConnections& connections, size_t connection, const std::string& path, Events* events)
    : events_(events),
      stream_(connections.stub(connection).PrepareCall(&context_, path, connections.queue(connection))) {
  connections.Authorize(&context_);
}

void BidiCall::Start() { stream_->StartCall(started_.get()); }

void BidiCall::Write(const grpc::ByteBuffer& message) {
  absl::MutexLock lock(&mutex_);
  if (over_) return;
  writes_ = true;
  stream_->Write(message, written_.get());
}

void BidiCall::WritesDone() {
  absl::MutexLock lock(&mutex_);
  if (over_) return;
  writes_ = true;
  stream_->WritesDone(written_.get());
}

void BidiCall::OnStarted(bool ok) {
  if (!ok) {
    stream_->Finish(&status_, finished_.get());
    return;
  }
  stream_->Read(&message_, read_.get());
  events_->OnWritable();
}

void BidiCall::OnRead(bool ok) {
  if (!ok) {  // the server ended the call, or it broke
    stream_->Finish(&status_, finished_.get());
    return;
  }
  events_->OnMessage(message_);
  stream_->Read(&message_, read_.get());
}

void BidiCall::OnWritten(bool ok) {
  bool over = false;
  {
    absl::MutexLock lock(&mutex_);
    writes_ = false;
    over = over_;
  }
  if (over) {
    events_->OnEnd(status_);
  } else if (ok) {  // else the call has ended, which OnRead tells
    events_->OnWritable();
  }
}

void BidiCall::OnFinished(bool /*ok*/) {
  {
    absl::MutexLock lock(&mutex_);
    over_ = true;
    if (writes_) return;  // OnWritten ends the call
  }
  events_->OnEnd(status_);
}

}  // namespace vitok
