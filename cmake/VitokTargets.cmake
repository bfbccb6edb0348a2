# Helpers that define every target of the project, so that warnings, sanitizers and the precompiled ATen header are
# decided in one place. Include paths start at the repository root.

function(vitok_target_defaults target)
  target_include_directories(${target} PUBLIC ${CMAKE_SOURCE_DIR})
  target_compile_options(${target} PRIVATE
    "$<$<COMPILE_LANGUAGE:CXX>:-Wall;-Wextra;-Wno-unused-parameter;-Wno-sign-compare;-Wno-missing-field-initializers>"
    "$<$<AND:$<COMPILE_LANGUAGE:CXX>,$<BOOL:${VITOK_WERROR}>>:-Werror>")
  if(VITOK_SANITIZER)
    target_compile_options(${target} PRIVATE
      "$<$<COMPILE_LANGUAGE:CXX>:-fsanitize=${VITOK_SANITIZER};-fno-omit-frame-pointer>")
    target_link_options(${target} PUBLIC -fsanitize=${VITOK_SANITIZER})
  endif()
  if(VITOK_FUZZ)
    # Coverage counters for libFuzzer; and whatever the sanitizers see must end the run, to be a finding.
    target_compile_options(${target} PRIVATE
      "$<$<COMPILE_LANGUAGE:CXX>:-fsanitize=fuzzer-no-link,float-cast-overflow;-fno-sanitize-recover=all>")
  endif()
endfunction()

# vitok_library(NAME SOURCES ... DEPS ... [ATEN])
# A static library. ATEN: the sources include ATen headers; they share one precompiled header (8 s a file without).
function(vitok_library name)
  cmake_parse_arguments(arg "ATEN" "" "SOURCES;DEPS" ${ARGN})
  add_library(${name} STATIC ${arg_SOURCES})
  vitok_target_defaults(${name})
  target_link_libraries(${name} PUBLIC ${arg_DEPS})
  if(arg_ATEN)
    target_link_libraries(${name} PUBLIC vitok::torch)
    target_precompile_headers(${name} REUSE_FROM vitok_aten_pch)
  endif()
endfunction()

# What an executable of a thread-sanitized build needs to understand abseil's locks.
function(vitok_tsan_sources name)
  if(VITOK_SANITIZER STREQUAL "thread")
    set(source ${CMAKE_SOURCE_DIR}/tests/support/tsan_absl_sync.cc)
    target_sources(${name} PRIVATE ${source})
    set_source_files_properties(${source} PROPERTIES SKIP_PRECOMPILE_HEADERS ON)
  endif()
endfunction()

# vitok_program(NAME SOURCES ... DEPS ... [ATEN])
function(vitok_program name)
  cmake_parse_arguments(arg "ATEN" "" "SOURCES;DEPS" ${ARGN})
  add_executable(${name} ${arg_SOURCES})
  vitok_target_defaults(${name})
  vitok_tsan_sources(${name})
  target_link_libraries(${name} PRIVATE ${arg_DEPS})
  if(arg_ATEN)
    target_precompile_headers(${name} REUSE_FROM vitok_aten_pch)
  endif()
endfunction()

# vitok_plugin(NAME SOURCES ... DEPS ...)
# A shared library that programs load when they need it: build/<preset>/lib/libNAME.so. Exports what its sources mark.
function(vitok_plugin name)
  cmake_parse_arguments(arg "" "" "SOURCES;DEPS" ${ARGN})
  add_library(${name} MODULE ${arg_SOURCES})
  vitok_target_defaults(${name})
  set_target_properties(${name} PROPERTIES
    LIBRARY_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/lib CXX_VISIBILITY_PRESET hidden VISIBILITY_INLINES_HIDDEN ON)
  target_link_libraries(${name} PRIVATE ${arg_DEPS})
  target_link_options(${name} PRIVATE LINKER:--exclude-libs,ALL LINKER:--no-undefined)
endfunction()

# vitok_test(NAME SOURCES ... DEPS ... [ATEN] [OWN_MAIN])
# One GoogleTest binary (one per source folder), written to build/<preset>/tests/NAME and run from the repository root.
# Torch-free binaries are split into one ctest per TEST; those with ATEN are one ctest each, since loading libtorch
# costs more than most tests. OWN_MAIN: the sources define main().
function(vitok_test name)
  cmake_parse_arguments(arg "ATEN;OWN_MAIN" "" "SOURCES;DEPS" ${ARGN})
  add_executable(${name} ${arg_SOURCES})
  vitok_target_defaults(${name})
  target_compile_options(${name} PRIVATE $<$<CONFIG:Release>:-O1>)  # a sixth less to compile, and no slower to run
  set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/tests)
  target_link_libraries(${name} PRIVATE ${arg_DEPS} GTest::gmock GTest::gtest)
  if(NOT arg_OWN_MAIN)
    target_link_libraries(${name} PRIVATE GTest::gtest_main)
  endif()
  vitok_tsan_sources(${name})
  if(arg_ATEN)
    target_link_libraries(${name} PRIVATE vitok::torch)
    target_precompile_headers(${name} REUSE_FROM vitok_aten_pch)
    add_test(NAME ${name} COMMAND ${name} WORKING_DIRECTORY ${CMAKE_SOURCE_DIR})
    set_tests_properties(${name} PROPERTIES TIMEOUT 600 ENVIRONMENT "OMP_WAIT_POLICY=PASSIVE")
  else()
    gtest_discover_tests(${name} WORKING_DIRECTORY ${CMAKE_SOURCE_DIR} DISCOVERY_TIMEOUT 60
      PROPERTIES TIMEOUT 300)
  endif()
endfunction()

# vitok_proto(NAME SOURCES a/b.proto ... [GRPC])
# Generated C++ of .proto files; include them by their path below proto/ ("vitok/v1/tokenizer.pb.h").
function(vitok_proto name)
  cmake_parse_arguments(arg "GRPC" "" "SOURCES" ${ARGN})
  add_library(${name} STATIC ${arg_SOURCES})
  target_include_directories(${name} SYSTEM PUBLIC ${CMAKE_CURRENT_BINARY_DIR})
  target_link_libraries(${name} PUBLIC protobuf::libprotobuf)
  protobuf_generate(TARGET ${name} LANGUAGE cpp IMPORT_DIRS ${CMAKE_CURRENT_SOURCE_DIR})
  if(arg_GRPC)
    target_link_libraries(${name} PUBLIC gRPC::grpc++ absl::synchronization)
    protobuf_generate(TARGET ${name} LANGUAGE grpc IMPORT_DIRS ${CMAKE_CURRENT_SOURCE_DIR}
      GENERATE_EXTENSIONS .grpc.pb.h .grpc.pb.cc
      PLUGIN "protoc-gen-grpc=$<TARGET_FILE:gRPC::grpc_cpp_plugin>")
  endif()
endfunction()
