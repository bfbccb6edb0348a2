# Target vitok::cutlass: the headers of CUTLASS, from its wheel beside torch's. Only with VITOK_CUDA.
get_filename_component(site_packages ${TORCH_ROOT}/.. ABSOLUTE)
find_path(VITOK_CUTLASS_INCLUDE cutlass/cutlass.h
  PATHS ${site_packages}/cutlass_library/source/include NO_DEFAULT_PATH)
if(NOT VITOK_CUTLASS_INCLUDE)
  message(FATAL_ERROR "no nvidia-cutlass wheel in ${site_packages}; run `make setup` first")
endif()
add_library(vitok_cutlass INTERFACE)
add_library(vitok::cutlass ALIAS vitok_cutlass)
target_include_directories(vitok_cutlass SYSTEM INTERFACE ${VITOK_CUTLASS_INCLUDE})
