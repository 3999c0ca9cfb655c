// SPDX-License-Identifier: Apache-2.0
// usage: memory_instances FILE...
//
// Instances of memory planning in MiniMalloc's format: NAME.CAPACITY.csv with the columns lower,
// upper (excluded) and size. Fits each into its capacity and prints one JSON object a line.
#include <fmt/format.h>

#include <cstdint>
#include <cstdlib>
#include <ctime>
#include <exception>
#include <filesystem>
#include <string>
#include <vector>

#include "lathe/core/error.hpp"
#include "lathe/format/csv.hpp"
#include "lathe/network/memory_planner.hpp"

namespace {

using namespace lathe;

std::vector<planned_buffer> read_buffers(const std::filesystem::path& file) {
    const auto table = read_csv(file);
    const auto lower = table.integers("lower");
    const auto upper = table.integers("upper");
    const auto size = table.integers("size");
    std::vector<planned_buffer> buffers;
    for (std::size_t i = 0; i < table.rows(); ++i) {
        buffers.push_back({size[i], static_cast<std::int32_t>(lower[i]),
                           static_cast<std::int32_t>(upper[i] - 1)});
    }
    return buffers;
}

std::int64_t capacity_in_name(const std::filesystem::path& file) {
    const auto digits = file.stem().extension().string();  // with the dot
    if (digits.size() < 2 || digits.find_first_not_of("0123456789", 1) != std::string::npos) {
        throw error(errc::bad_input, file.string(), "no capacity in the name",
                    "name it NAME.CAPACITY.csv");
    }
    return std::stoll(digits.substr(1));
}

/// Processor time, which other programs on the machine do not change much.
double seconds() { return static_cast<double>(std::clock()) / CLOCKS_PER_SEC; }

void report(const std::filesystem::path& file) {
    const std::int64_t capacity = capacity_in_name(file);
    const auto buffers = read_buffers(file);
    const double start = seconds();
    const auto result = fit_memory(buffers, capacity, 1, {.nodes = 20'000'000});
    const double spent = seconds() - start;
    check_plan(buffers, result.plan);
    fmt::print(R"({{"name": "{}", "buffers": {}, "capacity": {}, "arena": {}, "bound": {}, )"
               R"("nodes": {}, "cpu_s": {}}})"
               "\n",
               file.stem().stem().string(), buffers.size(), capacity, result.plan.arena_bytes,
               result.plan.lower_bound, result.nodes, spent);
}

}  // namespace

int main(int count, char** arguments) {
    try {
        for (int i = 1; i < count; ++i) report(arguments[i]);
    } catch (const std::exception& e) {
        fmt::print(stderr, "{}\n", e.what());
        return EXIT_FAILURE;
    }
}
