// SPDX-License-Identifier: Apache-2.0
// The program `lathe` as a function.
#pragma once

#include <iosfwd>
#include <string>
#include <vector>

namespace lathe::cli {

/// Exit codes of the program.
enum exit_code : int {
    ok = 0,
    internal_error = 1,
    bad_input = 2,     ///< of arguments, files or folders
    infeasible = 3,    ///< some scenario has no network that was shown to keep its limits
    interrupted = 130  ///< by Ctrl-C; everything so far is kept
};

/// Runs one command: `arguments` without the program's name. Results go to `out`, progress and
/// errors to `err`; with --json everything goes to `out`, one JSON object a line. `terminal`: err
/// is one.
[[nodiscard]] int run_command_line(const std::vector<std::string>& arguments, std::ostream& out,
                                   std::ostream& err, bool terminal);

}  // namespace lathe::cli
