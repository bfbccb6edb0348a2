# Imported target vitok::torch over a torch wheel. The wheel's include folders come last (-idirafter): they carry
# other versions of fmt and protobuf that must not shadow the system's, which spdlog and gRPC need.
file(GLOB default_torch_root ${CMAKE_SOURCE_DIR}/.venv/lib/python3*/site-packages/torch)
set(TORCH_ROOT "${default_torch_root}" CACHE PATH "Folder `torch` of the installed torch wheel")
if(NOT EXISTS "${TORCH_ROOT}/include/ATen/ATen.h")
  message(FATAL_ERROR "no torch wheel at TORCH_ROOT='${TORCH_ROOT}'; run `make setup` first")
endif()

add_library(vitok_torch INTERFACE)
add_library(vitok::torch ALIAS vitok_torch)
foreach(dir ${TORCH_ROOT}/include ${TORCH_ROOT}/include/torch/csrc/api/include)
  target_compile_options(vitok_torch INTERFACE
    "$<$<COMPILE_LANGUAGE:CXX>:SHELL:-idirafter ${dir}>"
    "$<$<COMPILE_LANGUAGE:CUDA>:SHELL:-isystem ${dir}>")
endforeach()

# at::parallel_for is OpenMP code inlined into our objects: compile with OpenMP, but link the wheel's
# own runtime, so that one thread pool serves both. That runtime is gcc's; clang's OpenMP code needs another one, so
# clang compiles without, where at::parallel_for is a plain loop.
target_compile_options(vitok_torch INTERFACE "$<$<COMPILE_LANG_AND_ID:CXX,GNU>:-fopenmp>")
target_link_options(vitok_torch INTERFACE LINKER:--no-as-needed LINKER:-rpath,${TORCH_ROOT}/lib)
foreach(lib torch_cpu c10)
  find_library(VITOK_LIB_${lib} ${lib} PATHS ${TORCH_ROOT}/lib NO_DEFAULT_PATH REQUIRED)
  target_link_libraries(vitok_torch INTERFACE ${VITOK_LIB_${lib}})
endforeach()
target_link_libraries(vitok_torch INTERFACE ${TORCH_ROOT}/lib/libgomp.so.1)
if(VITOK_CUDA)
  foreach(lib torch torch_cuda c10_cuda)
    find_library(VITOK_LIB_${lib} ${lib} PATHS ${TORCH_ROOT}/lib NO_DEFAULT_PATH REQUIRED)
    target_link_libraries(vitok_torch INTERFACE ${VITOK_LIB_${lib}})
  endforeach()
  get_filename_component(nvidia_root ${TORCH_ROOT}/../nvidia ABSOLUTE)
  target_link_libraries(vitok_torch INTERFACE ${nvidia_root}/cu13/lib/libcudart.so.13)
  target_compile_definitions(vitok_torch INTERFACE VITOK_CUDA=1)
  target_include_directories(vitok_torch SYSTEM INTERFACE
    "$<$<COMPILE_LANGUAGE:CXX>:${CMAKE_CUDA_TOOLKIT_INCLUDE_DIRECTORIES}>")
endif()
