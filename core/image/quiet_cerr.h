// Silence for a library that writes to std::cerr.
#pragma once

namespace vitok {

// As long as it lives, nothing that this thread writes to std::cerr is shown. The first one puts a buffer before that
// of std::cerr, which stays there. For one thread; must not be nested.
class QuietCerr {
 public:
  QuietCerr();
  ~QuietCerr();
  QuietCerr(const QuietCerr&) = delete;
  QuietCerr& operator=(const QuietCerr&) = delete;
};

}  // namespace vitok
