#include "core/model/device_transfer.h"

#include <c10/core/Event.h>
#include <c10/core/StreamGuard.h>
#include <c10/core/impl/VirtualGuardImpl.h>

#include <algorithm>
#include <bit>
#include <optional>

#include "absl/time/clock.h"

namespace vitok {
namespace {

constexpr uint64_t kSmallestBlock = 1 << 20;

// Blocks grow in steps, so that batches of slowly rising size do not allocate each time.
int64_t BlockBytes(int64_t bytes) {
  return static_cast<int64_t>(std::bit_ceil(std::max<uint64_t>(bytes, kSmallestBlock)));
}

c10::Stream CurrentStream(at::Device device) { return c10::impl::VirtualGuardImpl(device.type()).getStream(device); }

}  // namespace

struct DeviceEvent::State {
  absl::Time recorded = absl::Now();
  std::optional<c10::Event> event;  // empty on the CPU
};

struct DeviceTransfer::Streams {
  c10::Stream up, down;
};

void DeviceEvent::Wait() const {
  if (state_ != nullptr && state_->event.has_value()) state_->event->synchronize();
}

bool DeviceEvent::HasPassed() const {
  return state_ == nullptr || !state_->event.has_value() || state_->event->query();
}

absl::Duration DeviceEvent::Since(const DeviceEvent& earlier) const {
  if (!state_->event.has_value()) return state_->recorded - earlier.state_->recorded;
  return absl::Milliseconds(earlier.state_->event->elapsedTime(*state_->event));
}

DeviceTransfer::DeviceTransfer(at::Device device) : device_(device) {
  if (device.is_cpu()) return;
  const c10::impl::VirtualGuardImpl backend(device.type());
  streams_ = std::make_unique<Streams>(
      Streams{backend.getStreamFromGlobalPool(device), backend.getStreamFromGlobalPool(device)});
}

DeviceTransfer::~DeviceTransfer() {
  try {
    for (const Slot& slot : slots_) {
      slot.copied.Wait();
      slot.used.Wait();
    }
  } catch (const c10::Error&) {
    // A failed device does nothing any more.
  }
}

DeviceTransfer::Upload DeviceTransfer::BeginUpload(int64_t bytes) {
  const int index = next_slot_;
  Slot& slot = slots_[index];
  slot.copied.Wait();
  if (!slot.host_B.defined() || slot.host_B.numel() < bytes) {
    const at::TensorOptions options(at::kByte);
    slot.host_B = at::empty({BlockBytes(bytes)}, options.pinned_memory(!device_.is_cpu()));
    slot.device_B = device_.is_cpu() ? slot.host_B : at::empty({BlockBytes(bytes)}, options.device(device_));
    // The new block may be memory that work on the current stream still uses: torch knows of that stream alone.
    slot.used = RecordCompute();
  }
  next_slot_ = (next_slot_ + 1) % static_cast<int>(slots_.size());
  return Upload(this, index);
}

at::Tensor DeviceTransfer::Send(int index, int64_t bytes) {
  Slot& slot = slots_[index];
  if (device_.is_cpu()) return slot.device_B;
  slot.used.state_->event->block(streams_->up);
  {
    const c10::StreamGuard guard(streams_->up);
    slot.device_B.narrow(0, 0, bytes).copy_(slot.host_B.narrow(0, 0, bytes), /*non_blocking=*/true);
  }
  slot.copied = RecordUpload();
  slot.copied.state_->event->block(CurrentStream(device_));
  return slot.device_B;
}

void DeviceTransfer::EndUpload(int index) {
  try {
    slots_[index].used = RecordCompute();
  } catch (const c10::Error&) {
    // Only a failed device does this, and the next copy will say so.
  }
}

at::Tensor DeviceTransfer::StartDownload(const at::Tensor& source) {
  if (device_.is_cpu()) return source;
  at::Tensor host = at::empty(source.sizes(), at::TensorOptions(source.scalar_type()).pinned_memory(true));
  RecordCompute().state_->event->block(streams_->down);
  const c10::StreamGuard guard(streams_->down);
  host.copy_(source, /*non_blocking=*/true);
  return host;
}

DeviceEvent DeviceTransfer::RecordCompute() const {
  if (device_.is_cpu()) return Record(nullptr);
  const c10::Stream stream = CurrentStream(device_);
  return Record(&stream);
}

DeviceEvent DeviceTransfer::RecordUpload() const { return Record(device_.is_cpu() ? nullptr : &streams_->up); }

DeviceEvent DeviceTransfer::RecordDownload() const { return Record(device_.is_cpu() ? nullptr : &streams_->down); }

DeviceEvent DeviceTransfer::Record(const c10::Stream* stream) const {
  DeviceEvent event;
  event.state_ = std::make_shared<DeviceEvent::State>();
  if (stream != nullptr) {
    event.state_->event.emplace(device_.type(), c10::EventFlag::BACKEND_DEFAULT);
    event.state_->event->record(*stream);
  }
  return event;
}

}  // namespace vitok
