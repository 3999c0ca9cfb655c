# Language and warnings. Consumers of add_subdirectory keep their own flags.
set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
if(PROJECT_IS_TOP_LEVEL AND NOT CMAKE_BUILD_TYPE AND NOT CMAKE_CONFIGURATION_TYPES)
  set(CMAKE_BUILD_TYPE Release CACHE STRING "Build type" FORCE)
endif()

add_library(lathe_flags INTERFACE)
# Decision arithmetic must give the same bits on every compiler: no contraction, no fast-math, no -march.
target_compile_options(lathe_flags INTERFACE -ffp-contract=off)
if(LATHE_DEVELOPER)
  target_compile_options(lathe_flags INTERFACE -Wall -Wextra -Wpedantic -Wshadow -Wconversion
                                               -Wno-sign-conversion -Werror)
endif()
