// Moves batches between host and device on streams of their own, so that copies run beside computation.
#pragma once

#include <ATen/ATen.h>

#include <array>
#include <cstdint>
#include <memory>

#include "absl/time/time.h"

namespace vitok {

// A point in the work of a device. Copies mean the same point. Thread-safe. On the CPU it has passed when it exists.
class DeviceEvent {
 public:
  // Returns when the device has come there; at once for an event of nothing.
  void Wait() const;

  // Whether Wait would return at once.
  bool HasPassed() const;

  // REQUIRES: both are events of one device, and Wait has returned for both.
  absl::Duration Since(const DeviceEvent& earlier) const;

 private:
  friend class DeviceTransfer;
  struct State;
  std::shared_ptr<State> state_;
};

// Host memory for uploads is pinned and belongs to two slots that are used in turn, with as much memory on the device:
// while the batch of one computes, the other is filled and copied. Both grow to the largest batch and are kept. On the
// CPU there is one memory, and nothing is copied. Everything here is for one thread; the computation is what that
// thread submits to its current stream. Errors of the device leave as c10::Error.
//
//   DeviceTransfer::Upload upload = transfer.BeginUpload(bytes);
//   ... fill upload.host() ...
//   const at::Tensor block = upload.Send(bytes);
//   ... compute ...
//   const at::Tensor result = transfer.StartDownload(computed);
//   const DeviceEvent done = transfer.RecordDownload();  // to wait for before `result` is read
class DeviceTransfer {
 public:
  explicit DeviceTransfer(at::Device device);
  ~DeviceTransfer();  // waits for what runs
  DeviceTransfer(const DeviceTransfer&) = delete;
  DeviceTransfer& operator=(const DeviceTransfer&) = delete;

  // A slot while a batch is submitted. The end of its life says that all that reads the block is submitted.
  class Upload {
   public:
    Upload(DeviceTransfer* transfer, int slot) : transfer_(transfer), slot_(slot) {}
    ~Upload() { transfer_->EndUpload(slot_); }
    Upload(const Upload&) = delete;
    Upload& operator=(const Upload&) = delete;

    uint8_t* host() { return transfer_->slots_[slot_].host_B.mutable_data_ptr<uint8_t>(); }

    // Starts the copy of the first `bytes`, which the current stream will wait for. Returns the block on the device:
    // uint8, at least as long as BeginUpload was told, at an address that is a multiple of 64.
    at::Tensor Send(int64_t bytes) { return transfer_->Send(slot_, bytes); }

   private:
    DeviceTransfer* const transfer_;
    const int slot_;
  };

  // Waits until the copy before the last one has left its slot.
  Upload BeginUpload(int64_t bytes);

  // Starts a copy of `source` (contiguous) to pinned memory as soon as the work on the current stream is done. On the
  // CPU: `source`. The caller keeps `source` until RecordDownload's event has passed.
  at::Tensor StartDownload(const at::Tensor& source);

  DeviceEvent RecordCompute() const;   // after the work on the current stream
  DeviceEvent RecordUpload() const;    // after the uploads
  DeviceEvent RecordDownload() const;  // after the downloads

 private:
  struct Streams;
  struct Slot {
    at::Tensor host_B;
    at::Tensor device_B;
    DeviceEvent copied;  // from host_B
    DeviceEvent used;    // of device_B
  };

  DeviceEvent Record(const c10::Stream* stream) const;  // null: on the CPU
  at::Tensor Send(int slot, int64_t bytes);
  void EndUpload(int slot);

  const at::Device device_;
  std::unique_ptr<Streams> streams_;  // null on the CPU
  std::array<Slot, 2> slots_;
  int next_slot_ = 0;
};

}  // namespace vitok
