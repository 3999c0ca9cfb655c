# SPDX-License-Identifier: Apache-2.0
find_package(fmt REQUIRED)
find_package(Eigen3 3.4 REQUIRED NO_MODULE)
find_package(nlohmann_json 3.11 REQUIRED)
find_package(ZLIB REQUIRED)

if(LATHE_ENGINE)
  # cmake/setup.sh unpacks a hash-checked oneDNN here where the system's is too old.
  list(APPEND CMAKE_PREFIX_PATH ${PROJECT_SOURCE_DIR}/.deps/onednn)
  find_package(OpenMP REQUIRED COMPONENTS CXX)
  find_package(dnnl 3.1 CONFIG REQUIRED)
  find_package(hwy REQUIRED)
endif()

# LATHE_MPI: there is MPI, and it is wanted.
set(LATHE_MPI OFF)
set(MPI_CXX_SKIP_MPICXX ON)  # the C interface alone
if(LATHE_WITH_MPI STREQUAL AUTO)
  find_package(MPI QUIET COMPONENTS CXX)
  set(LATHE_MPI ${MPI_CXX_FOUND})
  if(NOT LATHE_MPI AND LATHE_DEVELOPER)
    message(STATUS "No MPI was found: lathe::mpi, its tests and its example are left out")
  endif()
elseif(LATHE_WITH_MPI)
  find_package(MPI REQUIRED COMPONENTS CXX)
  set(LATHE_MPI ON)
endif()

if(LATHE_IO)
  include(cmake/lathe-onnx.cmake)
  find_package(CLI11 REQUIRED)
  add_library(lathe_cli11 INTERFACE)
  target_link_libraries(lathe_cli11 INTERFACE CLI11::CLI11)
endif()
