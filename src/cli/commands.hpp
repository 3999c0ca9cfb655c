// SPDX-License-Identifier: Apache-2.0
// The commands of the program. Each throws what the library throws; command_line.cpp turns that
// into messages and exit codes.
#pragma once

#include <cstdint>
#include <iosfwd>
#include <string>

#include "cli/progress.hpp"
#include "lathe/search/table_problem.hpp"

namespace lathe::cli {

struct search_arguments {
    std::string spec;    ///< for search
    std::string folder;  ///< for the results
    int threads = 0;     ///< 0: as the specification says
};

int search_command(const search_arguments& arguments, std::ostream& out, progress& show);
int resume_command(const std::string& folder, std::ostream& out, progress& show);

int check_spec_command(const std::string& file, std::ostream& out);

int count_space_command(const std::string& preset, std::ostream& out);
int sample_space_command(const std::string& preset, std::int64_t members, std::uint64_t seed,
                         std::ostream& out);
/// `member`: a genotype as text; empty for the space itself.
int show_space_command(const std::string& preset, const std::string& member, std::ostream& out);

struct bench_table_arguments {
    std::string file;
    table_goals goals;
    std::string optimizer;
    std::size_t evaluations = 0;
    std::uint64_t seeds = 0;  ///< runs with the seeds 1 to this
    bool json = false;
};

int bench_table_command(const bench_table_arguments& arguments, std::ostream& out);

int doctor_command(std::ostream& out);

}  // namespace lathe::cli
