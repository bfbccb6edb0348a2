#include "core/image/source/parquet_plugin.h"

#include <dlfcn.h>

#include <filesystem>
#include <string_view>
#include <system_error>

#include "core/base/str_cat.h"

namespace vitok {

std::string DefaultParquetPluginPath() {
  std::error_code error;
  const std::filesystem::path program = std::filesystem::read_symlink("/proc/self/exe", error);
  return (program.parent_path().parent_path() / "lib" / "libvitok_parquet.so").string();
}

absl::StatusOr<const ParquetPlugin*> LoadParquetPlugin(const std::string& path) {
  const auto unusable = [&](std::string_view reason) {
    return absl::UnimplementedError(
        StrCat("parquet files are read by the plug-in '", path, "', which ", reason,
               "; `make setup` installs the pyarrow wheel, which it needs, and `make build` builds it"));
  };
  std::error_code error;
  if (!std::filesystem::exists(path, error)) return unusable("is not there");
  // Local: the libraries behind it bring copies of others (OpenSSL, zlib...), which must not meet ours. Never closed:
  // readers run code of it, and what it starts cannot be stopped.
  void* const library = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr) return unusable(StrCat("cannot be loaded (", dlerror(), ")"));
  void* const function = dlsym(library, kParquetPluginFunction);
  if (function == nullptr) return unusable(StrCat("has no function ", kParquetPluginFunction));
  const ParquetPlugin* const plugin = reinterpret_cast<ParquetPluginFunction*>(function)();
  if (plugin->version != kParquetPluginVersion) {
    return unusable(StrCat("is of version ", plugin->version, "; this program needs version ", kParquetPluginVersion));
  }
  return plugin;
}

}  // namespace vitok
