# Uses ccache when it is installed. Precompiled headers are cacheable only with these relaxations
# (ccache manual, "Precompiled headers").
find_program(VITOK_CCACHE ccache)
if(VITOK_CCACHE AND NOT CMAKE_CXX_COMPILER_LAUNCHER)
  set(CMAKE_CXX_COMPILER_LAUNCHER
    ${CMAKE_COMMAND} -E env CCACHE_SLOPPINESS=pch_defines,time_macros,include_file_mtime,include_file_ctime
    ${VITOK_CCACHE})
endif()
