// Tells ThreadSanitizer how abseil's locks order threads. The distribution's abseil is not compiled for it: without
// this, everything that an absl::Mutex guards looks like a race. Compiled into each program of a thread-sanitized
// build, where these definitions come before those of the shared library, which they call.
#include <dlfcn.h>
#include <sanitizer/tsan_interface.h>

#include <cstring>

#include "absl/synchronization/barrier.h"
#include "absl/synchronization/blocking_counter.h"
#include "absl/synchronization/mutex.h"
#include "absl/synchronization/notification.h"

extern "C" {
void AnnotateIgnoreReadsBegin(const char* file, int line);
void AnnotateIgnoreReadsEnd(const char* file, int line);
}

namespace {

// The shared library's definition of a method that is defined below.
template <typename Function, typename Method>
Function* Find(Method method) {
  void* address = nullptr;
  std::memcpy(&address, &method, sizeof(address));
  Dl_info symbol = {};
  dladdr(address, &symbol);
  return reinterpret_cast<Function*>(dlsym(RTLD_NEXT, symbol.dli_sname));
}

template <typename Result, typename Class, typename... Args>
auto* Next(Result (Class::*method)(Args...)) {
  return Find<Result(Class*, Args...)>(method);
}

template <typename Result, typename Class, typename... Args>
auto* Next(Result (Class::*method)(Args...) const) {
  return Find<Result(const Class*, Args...)>(method);
}

// What a thread did before it gives up an object happened before what another does after it obtained the object.
class Order {
 public:
  enum Kind { kGivesUp, kObtains, kBoth };

  Order(const void* object, Kind kind) : object_(const_cast<void*>(object)), kind_(kind) {
    if (kind_ != kObtains) __tsan_release(object_);
    // abseil evaluates the conditions of waiting threads inside the call, under a lock that ThreadSanitizer does not
    // see.
    AnnotateIgnoreReadsBegin(__FILE__, __LINE__);
  }
  ~Order() {
    AnnotateIgnoreReadsEnd(__FILE__, __LINE__);
    if (kind_ != kGivesUp) __tsan_acquire(object_);
  }
  Order(const Order&) = delete;
  Order& operator=(const Order&) = delete;

 private:
  void* object_;
  Kind kind_;
};

}  // namespace

namespace absl {
ABSL_NAMESPACE_BEGIN

void Mutex::Lock() {
  static auto* const next = Next(&Mutex::Lock);
  const Order order(this, Order::kObtains);
  next(this);
}

void Mutex::Unlock() {
  static auto* const next = Next(&Mutex::Unlock);
  const Order order(this, Order::kGivesUp);
  next(this);
}

bool Mutex::TryLock() {
  static auto* const next = Next(&Mutex::TryLock);
  const Order order(this, Order::kObtains);
  return next(this);
}

void Mutex::ReaderLock() {
  static auto* const next = Next(&Mutex::ReaderLock);
  const Order order(this, Order::kObtains);
  next(this);
}

void Mutex::ReaderUnlock() {
  static auto* const next = Next(&Mutex::ReaderUnlock);
  const Order order(this, Order::kGivesUp);
  next(this);
}

void Mutex::LockWhen(const Condition& condition) {
  static auto* const next = Next(&Mutex::LockWhen);
  const Order order(this, Order::kObtains);
  next(this, condition);
}

void Mutex::Await(const Condition& condition) {
  static auto* const next = Next(&Mutex::Await);
  const Order order(this, Order::kBoth);
  next(this, condition);
}

bool Mutex::AwaitWithTimeout(const Condition& condition, Duration timeout) {
  static auto* const next = Next(&Mutex::AwaitWithTimeout);
  const Order order(this, Order::kBoth);
  return next(this, condition, timeout);
}

bool Mutex::AwaitWithDeadline(const Condition& condition, Time deadline) {
  static auto* const next = Next(&Mutex::AwaitWithDeadline);
  const Order order(this, Order::kBoth);
  return next(this, condition, deadline);
}

void CondVar::Wait(Mutex* mutex) {
  static auto* const next = Next(&CondVar::Wait);
  const Order order(mutex, Order::kBoth);
  next(this, mutex);
}

bool CondVar::WaitWithTimeout(Mutex* mutex, Duration timeout) {
  static auto* const next = Next(&CondVar::WaitWithTimeout);
  const Order order(mutex, Order::kBoth);
  return next(this, mutex, timeout);
}

bool CondVar::WaitWithDeadline(Mutex* mutex, Time deadline) {
  static auto* const next = Next(&CondVar::WaitWithDeadline);
  const Order order(mutex, Order::kBoth);
  return next(this, mutex, deadline);
}

void Notification::Notify() {
  static auto* const next = Next(&Notification::Notify);
  const Order order(this, Order::kGivesUp);
  next(this);
}

void Notification::WaitForNotification() const {
  static auto* const next = Next(&Notification::WaitForNotification);
  const Order order(this, Order::kObtains);
  next(this);
}

bool Notification::WaitForNotificationWithTimeout(Duration timeout) const {
  static auto* const next = Next(&Notification::WaitForNotificationWithTimeout);
  const Order order(this, Order::kObtains);
  return next(this, timeout);
}

bool Barrier::Block() {
  static auto* const next = Next(&Barrier::Block);
  const Order order(this, Order::kBoth);
  return next(this);
}

bool BlockingCounter::DecrementCount() {
  static auto* const next = Next(&BlockingCounter::DecrementCount);
  const Order order(this, Order::kGivesUp);
  return next(this);
}

void BlockingCounter::Wait() {
  static auto* const next = Next(&BlockingCounter::Wait);
  const Order order(this, Order::kObtains);
  next(this);
}

ABSL_NAMESPACE_END
}  // namespace absl
