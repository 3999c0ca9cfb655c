// SPDX-License-Identifier: Apache-2.0
#include <unistd.h>

#include <iostream>

#include "lathe/cli/command_line.hpp"

int main(int argc, char** argv) {
    return lathe::cli::run_command_line({argv + 1, argv + argc}, std::cout, std::cerr,
                                        ::isatty(STDERR_FILENO) == 1);
}
