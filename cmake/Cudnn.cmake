# Imported target vitok::cudnn over the wheels beside torch's: cuDNN as torch uses it, and the C++ headers of the cuDNN
# frontend. cuDNN compiles some kernels and looks for nvrtc then, so it is linked. Free of torch; only with VITOK_CUDA.
get_filename_component(site_packages ${TORCH_ROOT}/.. ABSOLUTE)
find_path(VITOK_CUDNN_FRONTEND_INCLUDE cudnn_frontend.h PATHS ${site_packages}/include NO_DEFAULT_PATH)
if(NOT VITOK_CUDNN_FRONTEND_INCLUDE)
  message(FATAL_ERROR "no nvidia-cudnn-frontend wheel in ${site_packages}; run `make setup` first")
endif()
set(nvidia_root ${site_packages}/nvidia)
add_library(vitok_cudnn INTERFACE)
add_library(vitok::cudnn ALIAS vitok_cudnn)
target_compile_definitions(vitok_cudnn INTERFACE CUDNN_FRONTEND_SKIP_JSON_LIB)
target_include_directories(vitok_cudnn SYSTEM INTERFACE
  ${VITOK_CUDNN_FRONTEND_INCLUDE} ${nvidia_root}/cudnn/include ${CMAKE_CUDA_TOOLKIT_INCLUDE_DIRECTORIES})
target_link_libraries(vitok_cudnn INTERFACE
  ${nvidia_root}/cudnn/lib/libcudnn.so.9 ${nvidia_root}/cu13/lib/libnvrtc.so.13 ${nvidia_root}/cu13/lib/libcudart.so.13)
