# SPDX-License-Identifier: Apache-2.0
# Builds the optimizers and their golden runs with COMPILER and FLAGS in BINARY, and runs them.
execute_process(
  COMMAND ${CMAKE_COMMAND} -S ${SOURCE} -B ${BINARY} -G ${GENERATOR} -DCMAKE_CXX_COMPILER=${COMPILER}
          -DCMAKE_BUILD_TYPE=None -DCMAKE_CXX_FLAGS=${FLAGS} -DCMAKE_CXX_COMPILER_LAUNCHER=${LAUNCHER}
          -DLATHE_ENGINE=OFF -DLATHE_IO=OFF -DLATHE_WITH_MPI=OFF
  COMMAND_ERROR_IS_FATAL ANY OUTPUT_QUIET)
execute_process(COMMAND ${CMAKE_COMMAND} --build ${BINARY} --target golden_runs
                COMMAND_ERROR_IS_FATAL ANY OUTPUT_QUIET)
execute_process(COMMAND ${BINARY}/tests/golden_runs COMMAND_ERROR_IS_FATAL ANY)
