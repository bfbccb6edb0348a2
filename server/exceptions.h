// The border between torch, which throws, and the server, which returns Status.
#pragma once

#include <ATen/ATen.h>
#include <c10/util/Exception.h>

#include <exception>
#include <new>
#include <string>
#include <type_traits>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/match.h"
#include "core/base/str_cat.h"
#include "server/status_details.h"

namespace vitok {

// Calls `function`, which returns a Status or StatusOr, and turns what it throws into one: RESOURCE_EXHAUSTED when
// memory ran out, on the host or a device, UNAVAILABLE (DEVICE_FAULT) when the device failed, INTERNAL otherwise.
// `what` names the work in the message.
template <typename Function>
auto CatchExceptions(std::string_view what, Function&& function) -> std::invoke_result_t<Function> {
  try {
    return function();
  } catch (const c10::OutOfMemoryError& error) {
    return absl::ResourceExhaustedError(StrCat(what, ": device memory ran out: ", error.what_without_backtrace()));
  } catch (const c10::AcceleratorError& error) {
    // The device's context is broken: every later call on it fails as well.
    return DeviceFaultError(StrCat(what, ": ", error.what_without_backtrace()));
  } catch (const c10::Error& error) {
    const std::string reason = error.what_without_backtrace();
    // The host allocator reports a failed allocation as a plain c10::Error.
    if (absl::StrContains(reason, "DefaultCPUAllocator")) {
      return absl::ResourceExhaustedError(StrCat(what, ": memory ran out: ", reason));
    }
    return absl::InternalError(StrCat(what, ": ", reason));
  } catch (const std::bad_alloc&) {
    return absl::ResourceExhaustedError(StrCat(what, ": memory ran out"));
  } catch (const std::exception& error) {
    return absl::InternalError(StrCat(what, ": ", error.what()));
  }
}

}  // namespace vitok
