#include "server/build_info.h"

#include <torch/headeronly/version.h>

#include "core/base/str_cat.h"

namespace vitok {

std::string BuildDescription() {
#ifdef __clang__
  const std::string compiler = StrCat("clang ", __clang_version__);
#else
  const std::string compiler = StrCat("gcc ", __VERSION__);
#endif
#ifdef VITOK_CUDA_VERSION
  const std::string cuda = "CUDA " VITOK_CUDA_VERSION;
#else
  const std::string cuda = "no CUDA";
#endif
  return StrCat(compiler, ", torch ", TORCH_VERSION, ", ", cuda);
}

}  // namespace vitok
