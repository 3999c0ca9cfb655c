// SPDX-License-Identifier: Apache-2.0
// One line per fact: what it is, its key, how often it was seen, ns in the table, ns as measured.
#include <fmt/format.h>

#include <cmath>
#include <limits>

#include "lathe/core/error.hpp"
#include "lathe/cost_model/latency_table.hpp"
#include "lathe/format/csv.hpp"
#include "lathe/format/file.hpp"

namespace lathe {
namespace {

constexpr std::string_view kind_column = "kind";
constexpr std::string_view key_column = "key";
constexpr std::string_view count_column = "count";
constexpr std::string_view table_column = "table_ns";
constexpr std::string_view measured_column = "measured_ns";

void write_row(csv_writer& csv, std::string_view kind, std::string_view key, std::int64_t count,
               double table_ns, double measured_ns) {
    csv.text(kind).text(key).integer(count).number(table_ns).number(measured_ns).end_row();
}

[[noreturn]] void refuse(const csv_table& csv, std::size_t row, std::string_view column,
                         std::string problem, std::string remedy = "make the table again") {
    throw error(errc::bad_input, csv.place(row, column), std::move(problem), std::move(remedy));
}

/// The head of the file: machine and deployment.
struct header {
    std::string_view machine;
    deployment target;
};
constexpr std::size_t header_rows = 4;

header read_header(const csv_table& csv, const std::filesystem::path& path) {
    if (csv.rows() < header_rows) {
        throw error(errc::bad_input, path.string(), "the table is cut short", "make it again");
    }
    const auto kinds = csv.texts(kind_column);
    const auto counts = csv.integers(count_column);
    constexpr std::string_view expected[header_rows] = {"machine", "batch", "threads", "streams"};
    for (std::size_t r = 0; r < header_rows; ++r) {
        if (kinds[r] != expected[r]) {
            refuse(csv, r, kind_column, fmt::format("the row '{}' is missing", expected[r]));
        }
        if (r > 0 && (counts[r] < 1 || counts[r] > std::numeric_limits<std::int32_t>::max())) {
            refuse(csv, r, count_column, fmt::format("{} is {}", expected[r], counts[r]));
        }
    }
    const auto small = [&](std::size_t row) { return static_cast<std::int32_t>(counts[row]); };
    return {csv.texts(key_column)[0], {small(1), small(2), small(3), arrivals::closed}};
}

}  // namespace

void latency_table::save(const std::filesystem::path& path) const {
    csv_writer csv({std::string(kind_column), std::string(key_column), std::string(count_column),
                    std::string(table_column), std::string(measured_column)});
    write_row(csv, "machine", to_hex(machine_), 0, 0.0, 0.0);
    write_row(csv, "batch", "", target_.batch, 0.0, 0.0);
    write_row(csv, "threads", "", target_.threads, 0.0, 0.0);
    write_row(csv, "streams", "", target_.streams, 0.0, 0.0);
    for (const auto& [operation, mean] : times_) {
        write_row(csv, "operation", operation, mean.calls, mean.ns, mean.ns);
    }
    for (const auto& seen : observed_) {
        write_row(csv, "network", "", 1, seen.sum, seen.measured);
    }
    write_file_atomic(path, csv.str());
}

latency_table latency_table::load(const std::filesystem::path& path, const fingerprint& machine) {
    const csv_table csv = read_csv(path);
    const auto kinds = csv.texts(kind_column);
    const auto keys = csv.texts(key_column);
    const auto counts = csv.integers(count_column);
    const auto table_ns = csv.numbers(table_column);
    const auto measured_ns = csv.numbers(measured_column);

    const header head = read_header(csv, path);
    latency_table table(machine, head.target);
    if (head.machine != to_hex(table.machine_)) {
        refuse(csv, 0, key_column, "the table was measured on another machine",
               "measure the operations on this one");
    }
    for (std::size_t r = header_rows; r < csv.rows(); ++r) {
        if (!(table_ns[r] > 0.0)) refuse(csv, r, table_column, "a time is not above 0");
        if (!(measured_ns[r] > 0.0)) refuse(csv, r, measured_column, "a time is not above 0");
        if (counts[r] < 1) refuse(csv, r, count_column, "a count is below 1");
        if (kinds[r] == "operation") {
            if (!table.times_.try_emplace(std::string(keys[r]), mean_time{counts[r], table_ns[r]})
                     .second) {
                refuse(csv, r, key_column, fmt::format("'{}' is there twice", keys[r]));
            }
        } else if (kinds[r] == "network") {
            table.observed_.push_back({table_ns[r], measured_ns[r]});
        } else {
            refuse(csv, r, kind_column, fmt::format("'{}' is not known", kinds[r]),
                   "known are operation and network");
        }
    }
    if (!table.observed_.empty()) table.fit();
    return table;
}

}  // namespace lathe
