#include "core/image/quiet_cerr.h"

#include <iostream>
#include <streambuf>

namespace vitok {
namespace {

thread_local bool is_quiet = false;

// Keeps nothing itself, so threads may share it as they share std::cerr.
class FilterBuffer : public std::streambuf {
 public:
  explicit FilterBuffer(std::streambuf* target) : target_(target) {}

 protected:
  int_type overflow(int_type c) override {
    if (is_quiet || traits_type::eq_int_type(c, traits_type::eof())) return traits_type::not_eof(c);
    return target_->sputc(traits_type::to_char_type(c));
  }
  std::streamsize xsputn(const char* text, std::streamsize size) override {
    return is_quiet ? size : target_->sputn(text, size);
  }
  int sync() override { return is_quiet ? 0 : target_->pubsync(); }

 private:
  std::streambuf* const target_;
};

}  // namespace

QuietCerr::QuietCerr() {
  // Never destroyed: std::cerr is used until the program's last moment.
  [[maybe_unused]] static std::streambuf* const before = std::cerr.rdbuf(new FilterBuffer(std::cerr.rdbuf()));
  is_quiet = true;
}

QuietCerr::~QuietCerr() { is_quiet = false; }

}  // namespace vitok
