# SPDX-License-Identifier: Apache-2.0
# Language and warnings. Consumers of add_subdirectory keep their own flags.
set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
if(PROJECT_IS_TOP_LEVEL)
  if(NOT CMAKE_BUILD_TYPE AND NOT CMAKE_CONFIGURATION_TYPES)
    set(CMAKE_BUILD_TYPE Release CACHE STRING "Build type" FORCE)
  endif()
  find_program(LATHE_CCACHE ccache)
  if(LATHE_CCACHE AND NOT CMAKE_CXX_COMPILER_LAUNCHER)
    set(CMAKE_CXX_COMPILER_LAUNCHER ${LATHE_CCACHE})
  endif()
else()
  # What lathe's targets link to must be visible in the consumer's own folder too.
  set(CMAKE_FIND_PACKAGE_TARGETS_GLOBAL ON)
endif()

add_library(lathe_flags INTERFACE)
# Decision arithmetic must give the same bits on every compiler: no contraction, no -march,
# no fast-math even where the flags of the project that adds this one have it.
target_compile_options(lathe_flags INTERFACE -fno-fast-math -ffp-contract=off)
if(LATHE_DEVELOPER)
  target_compile_options(lathe_flags INTERFACE -Wall -Wextra -Wpedantic -Wshadow -Wconversion
                                               -Wno-sign-conversion -Werror)
  if(CMAKE_CXX_COMPILER_ID STREQUAL GNU AND CMAKE_CXX_COMPILER_VERSION VERSION_LESS 13)
    # g++ 12 sees an overlap in every inlined "text" + std::string (GCC bug 105651).
    target_compile_options(lathe_flags INTERFACE -Wno-restrict)
  elseif(CMAKE_CXX_COMPILER_ID STREQUAL Clang)
    # libstdc++ 12's std::stable_sort calls what it has deprecated itself.
    target_compile_options(lathe_flags INTERFACE -Wno-deprecated-declarations)
  endif()
endif()
