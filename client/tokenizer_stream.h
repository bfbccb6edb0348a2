// Many items over one call to a server; see TokenizerClient::OpenEncodeStream.
#pragma once

#include <cstdint>
#include <functional>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "client/tokenizer_types.h"

namespace vitok {

struct StreamOptions {
  // Items sent and not answered, at most; the server has a bound of its own (ServerLimits::max_stream_requests), above
  // which they wait on the way. They are the memory that a stream takes. REQUIRES: positive.
  int max_in_flight = 64;
  // Time for the whole stream, after which it fails with DEADLINE_EXCEEDED. REQUIRES: positive.
  absl::Duration deadline = absl::InfiniteDuration();
};

// A stream of items to one server and of results back, each when it is done, so in any order. Thread-safe.
//
//   VITOK_ASSIGN_OR_RETURN(auto stream, client->OpenEncodeStream(
//       [&](uint64_t id, absl::StatusOr<EncodeResult> result) { Save(files[id], result); }));
//   for (size_t i = 0; i < files.size(); ++i) VITOK_RETURN_IF_ERROR(stream->Send(i, EncodedImage{Read(files[i])}));
//   return stream->Finish();
//
// An item fails for itself, as a call with it would. The stream fails as a whole when the server is gone or ends it,
// when its time is over or it is cancelled; then all unanswered items get that error. Nothing is sent again over
// another stream, but a refused item is over this one, as TokenizerClient repeats calls.
template <typename Input, typename Result>
class TokenizerStream {
 public:
  // Told once of each item that Send took. Runs on a thread of the stream, one call at a time. While it runs no further
  // results are read, so that a slow one lets Send wait rather than results pile up; for longer than the server's
  // connections.stall_timeout_s (60) it may cost the stream. It must not call Send or Finish, nor destroy the stream.
  using OnResult = std::function<void(uint64_t id, absl::StatusOr<Result> result)>;

  // Cancels the stream if it has not ended. Afterwards OnResult is not called.
  virtual ~TokenizerStream() = default;

  // Returns when the stream has taken the item: waits while max_in_flight are unanswered. INVALID_ARGUMENT: the id is
  // that of an unanswered item. FAILED_PRECONDITION: after Finish. Else the error with which the stream ended. No error
  // leads to OnResult.
  virtual absl::Status Send(uint64_t id, Input input) = 0;

  // Waits until all items are answered and OnResult has been told. OK, whatever became of the items, unless the stream
  // failed before.
  virtual absl::Status Finish() = 0;

  // Ends the stream with CANCELLED unless it ends first. Does not wait.
  virtual void Cancel() = 0;
};

using EncodeStream = TokenizerStream<ImageInput, EncodeResult>;
using DecodeStream = TokenizerStream<Latents, PictureResult>;
using ReconstructStream = TokenizerStream<ImageInput, PictureResult>;

}  // namespace vitok
