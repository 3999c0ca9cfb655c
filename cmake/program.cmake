# SPDX-License-Identifier: Apache-2.0
add_executable(lathe_program ${PROJECT_SOURCE_DIR}/src/cli/program/main.cpp)
set_target_properties(lathe_program PROPERTIES OUTPUT_NAME lathe)
target_link_libraries(lathe_program PRIVATE lathe_cli lathe_flags)
