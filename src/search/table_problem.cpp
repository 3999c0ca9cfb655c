// SPDX-License-Identifier: Apache-2.0
#include "lathe/search/table_problem.hpp"

#include <array>
#include <charconv>
#include <cmath>
#include <numeric>
#include <string_view>
#include <utility>

#include <fmt/format.h>

#include "lathe/core/error.hpp"
#include "lathe/core/text.hpp"
#include "lathe/pareto/hypervolume.hpp"
#include "lathe/pareto/non_dominated_sort.hpp"
#include "lathe/search_space/cell_space.hpp"

namespace lathe {
namespace {

constexpr std::string_view code_column = "arch";

search_domain cell_domain(const csv_table& table, const std::vector<std::string_view>& codes) {
    search_domain domain{cell_space().axes(), {}, std::vector<genotype>()};
    for (std::size_t r = 0; r < codes.size(); ++r) {
        try {
            domain.members->push_back(parse_cell(codes[r]));
        } catch (const error& e) {
            throw error(e.code(), table.place(r, code_column), e.problem(), e.remedy());
        }
    }
    return domain;
}

/// One axis per character; its options are the characters that occur there, in byte order.
search_domain code_domain(const csv_table& table, const std::vector<std::string_view>& codes) {
    const std::size_t length = codes.front().size();
    if (length == 0) {
        throw error(errc::bad_input, table.place(0, code_column), "the code is empty",
                    "give one character per gene");
    }
    std::vector<std::array<bool, 256>> used(length);
    for (std::size_t r = 0; r < codes.size(); ++r) {
        if (codes[r].size() != length) {
            throw error(errc::bad_input, table.place(r, code_column),
                        fmt::format("'{}' has {} characters, '{}' has {}", codes[r],
                                    codes[r].size(), codes.front(), length),
                        "give codes of one length, one character per gene");
        }
        for (std::size_t i = 0; i < length; ++i) {
            used[i][static_cast<unsigned char>(codes[r][i])] = true;
        }
    }
    search_domain domain{{}, {}, std::vector<genotype>(codes.size())};
    for (std::size_t i = 0; i < length; ++i) {
        axis a{fmt::format("gene {}", i + 1), axis_kind::categorical, {}};
        std::array<std::uint16_t, 256> option{};
        for (std::size_t c = 0; c < used[i].size(); ++c) {
            if (!used[i][c]) continue;
            option[c] = static_cast<std::uint16_t>(a.options.size());
            a.options.emplace_back(1, static_cast<char>(c));
        }
        domain.axes.push_back(std::move(a));
        for (std::size_t r = 0; r < codes.size(); ++r) {
            (*domain.members)[r].genes.push_back(option[static_cast<unsigned char>(codes[r][i])]);
        }
    }
    return domain;
}

std::pair<std::string_view, double> parse_table_limit(std::string_view text) {
    const auto fail = [&](std::string problem) {
        return error(errc::bad_input, fmt::format("limit '{}'", text), std::move(problem),
                     "write COLUMN<=NUMBER");
    };
    const auto sign = text.rfind("<=");
    if (sign == std::string_view::npos) throw fail("it has no '<='");
    const std::string_view name = trimmed(text.substr(0, sign));
    const std::string_view number = trimmed(text.substr(sign + 2));
    double value = 0.0;
    const auto [stop, status] =
        std::from_chars(number.data(), number.data() + number.size(), value);
    if (status != std::errc{} || stop != number.data() + number.size() || !std::isfinite(value)) {
        throw fail(fmt::format("'{}' is not a finite number", number));
    }
    if (name.empty()) throw fail("it names no column");
    return {name, value};
}

double finite_reference(const char* name, double value) {
    if (std::isfinite(value)) return value;
    throw error(errc::bad_input, name, fmt::format("it is {}", value), "give a finite number");
}

}  // namespace

table_problem::table_problem(const csv_table& table, const table_goals& goals) {
    const auto codes = table.texts(code_column);
    accuracy_ = table.numbers(goals.accuracy);
    report_ = goals.report.empty() ? accuracy_ : table.numbers(goals.report);
    if (!goals.cost.empty()) cost_ = table.numbers(goals.cost);
    violation_.assign(codes.size(), 0.0);
    if (codes.empty()) {
        throw error(errc::bad_input, table.file(), "the table has no rows",
                    "give one row per network");
    }
    domain_ = codes.front().starts_with('|') ? cell_domain(table, codes)
                                             : code_domain(table, codes);
    row_of_.reserve(codes.size());
    for (std::size_t r = 0; r < codes.size(); ++r) {
        const auto [at, added] = row_of_.emplace((*domain_.members)[r], r);
        if (added) continue;
        throw error(errc::bad_input, table.place(r, code_column),
                    fmt::format("'{}' repeats {}", codes[r], table.place(at->second, code_column)),
                    "give every network once");
    }
    read_limits(table, goals.limits);
    set_reference(table, goals);
}

void table_problem::read_limits(const csv_table& table, const std::vector<std::string>& limits) {
    for (const std::string& text : limits) {
        const auto [name, most] = parse_table_limit(text);
        const double scale = most == 0.0 ? 1.0 : std::abs(most);
        const auto values = table.numbers(name);
        for (std::size_t r = 0; r < values.size(); ++r) {
            violation_[r] += std::max(0.0, (values[r] - most) / scale);
        }
    }
    const auto nearest = std::min_element(violation_.begin(), violation_.end());
    if (*nearest == 0.0) return;
    const auto row = static_cast<std::size_t>(nearest - violation_.begin());
    throw error(errc::infeasible, table.file(),
                fmt::format("no row keeps {}; '{}' comes nearest, beyond by {:.3g} of the limit",
                            fmt::join(limits, " and "), table.texts(code_column)[row], *nearest),
                "raise a limit");
}

void table_problem::set_reference(const csv_table& table, const table_goals& goals) {
    if (goals.reference_cost && cost_.empty()) {
        throw error(errc::bad_input, "reference cost", "the search has no cost",
                    "name the column of the cost as well");
    }
    reference_.push_back(goals.reference_accuracy
                             ? -finite_reference("reference accuracy", *goals.reference_accuracy)
                             : -*std::min_element(report_.begin(), report_.end()));
    if (!cost_.empty()) {
        reference_.push_back(goals.reference_cost
                                 ? finite_reference("reference cost", *goals.reference_cost)
                                 : *std::max_element(cost_.begin(), cost_.end()));
    }
    std::vector<std::size_t> all(rows());
    std::iota(all.begin(), all.end(), std::size_t{0});
    exact_volume_ = volume(front(all, report_));
    if (exact_volume_ > 0.0) return;
    if (goals.reference_accuracy || goals.reference_cost) {
        throw error(errc::bad_input, table.file(),
                    "no feasible row is better than the reference in accuracy and cost",
                    "give a worse reference, or none for the worst of the table");
    }
}

std::size_t table_problem::row_of(const genotype& g) const {
    const auto row = row_of_.find(g);
    if (row != row_of_.end()) return row->second;
    throw error(errc::bad_input, "table_problem", to_string(g) + " is not in the table",
                "propose members of the domain alone");
}

outcome table_problem::evaluate(const proposal& p) const {
    const std::size_t r = row_of(p.genes);
    outcome o{p.id, outcome_status::ok, {-accuracy_[r]}, violation_[r]};
    if (!cost_.empty()) o.objectives.push_back(cost_[r]);
    return o;
}

std::vector<std::size_t> table_problem::front(std::span<const std::size_t> rows,
                                              std::span<const double> accuracy) const {
    std::vector<std::size_t> feasible;
    for (const std::size_t r : rows) {
        if (violation_[r] == 0.0) feasible.push_back(r);
    }
    std::vector<double> points;
    for (const std::size_t r : feasible) points.push_back(-accuracy[r]);
    if (!cost_.empty()) {
        for (const std::size_t r : feasible) points.push_back(cost_[r]);
    }
    std::vector<std::uint32_t> ranks(feasible.size());
    non_dominated_sorter().rank({points, feasible.size(), objectives()}, ranks, 1);
    std::vector<std::size_t> best;
    for (std::size_t i = 0; i < feasible.size(); ++i) {
        if (ranks[i] == 0) best.push_back(feasible[i]);
    }
    return best;
}

double table_problem::volume(std::span<const std::size_t> rows) const {
    std::vector<double> points;
    for (const std::size_t r : rows) points.push_back(-report_[r]);
    if (!cost_.empty()) {
        for (const std::size_t r : rows) points.push_back(cost_[r]);
    }
    return hypervolume({points, rows.size(), objectives()}, reference_);
}

table_score table_problem::score(std::span<const genotype> evaluated) const {
    std::vector<std::size_t> used;
    for (const genotype& g : evaluated) used.push_back(row_of(g));
    std::sort(used.begin(), used.end());
    used.erase(std::unique(used.begin(), used.end()), used.end());

    const auto found = front(used, accuracy_);
    table_score result;
    result.unique = used.size();
    result.total = evaluated.size();
    result.exhausted = used.size() == rows();
    if (exact_volume_ > 0.0) {
        result.hypervolume_share = volume(found) / exact_volume_;
    } else if (!found.empty()) {
        result.hypervolume_share = 1.0;
    }
    for (const std::size_t r : found) {
        result.best_accuracy = std::max(result.best_accuracy.value_or(report_[r]), report_[r]);
    }
    return result;
}

}  // namespace lathe
