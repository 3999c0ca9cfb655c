// SPDX-License-Identifier: Apache-2.0
// A benchmark table (NAS-Bench-201 and its like) as a problem for any optimizer.
#pragma once

#include <algorithm>
#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

#include "lathe/core/genotype.hpp"
#include "lathe/format/csv.hpp"
#include "lathe/optimizer/concept.hpp"

namespace lathe {

/// Columns by name; empty names mean none.
struct table_goals {
    std::string accuracy;                  ///< maximised by the search
    std::string cost = {};                 ///< minimised; without it there is one objective
    std::string report = {};               ///< accuracy that scores what was found; default: `accuracy`
    std::vector<std::string> limits = {};  ///< "COLUMN<=NUMBER", each one to be kept
    /// Where the hypervolume ends; default: the worst of the table.
    std::optional<double> reference_accuracy = std::nullopt;
    std::optional<double> reference_cost = std::nullopt;
};

/// What a run found: its non-dominated feasible networks by the columns searched on, scored by `report`
/// and `cost`.
struct table_score {
    /// Hypervolume over that of the table's exact front; 1 if that front has no volume to miss.
    double hypervolume_share = 0.0;
    std::optional<double> best_accuracy;  ///< of the networks found; none if none was feasible
    std::size_t unique = 0;               ///< rows evaluated
    std::size_t total = 0;                ///< evaluations
    bool exhausted = false;               ///< every row was used
};

/// The rows of a table as members of a search space. Column `arch` is a NAS-Bench-201 string, or a code
/// of fixed length with one character per gene; every gene is categorical.
class table_problem {
public:
    /// Throws bad_input, naming file, line and column, for a missing column, a cell that is no number,
    /// no rows, codes that repeat or differ in length, a limit that cannot be read, and a reference that
    /// leaves the exact front without volume; infeasible, naming the nearest row, if no row keeps the
    /// limits. O(rows * columns).
    table_problem(const csv_table& table, const table_goals& goals);

    /// Axes and rows: nothing but rows is a member.
    [[nodiscard]] const search_domain& domain() const noexcept { return domain_; }
    [[nodiscard]] std::size_t rows() const noexcept { return domain_.members->size(); }
    [[nodiscard]] std::size_t objectives() const noexcept { return cost_.empty() ? 1 : 2; }

    /// Objectives (minus accuracy, cost) and violation. Throws bad_input for a genotype that is no row.
    [[nodiscard]] outcome evaluate(const proposal& p) const;
    /// Scores a run by what it evaluated, in any order, repeats included. Throws as evaluate().
    [[nodiscard]] table_score score(std::span<const genotype> evaluated) const;

private:
    [[nodiscard]] std::size_t row_of(const genotype& g) const;
    void read_limits(const csv_table& table, const std::vector<std::string>& limits);
    void set_reference(const csv_table& table, const table_goals& goals);
    /// Rows that no other feasible one of `rows` dominates in (`accuracy`, cost).
    [[nodiscard]] std::vector<std::size_t> front(std::span<const std::size_t> rows,
                                                 std::span<const double> accuracy) const;
    /// Of rows by the reported accuracy and cost.
    [[nodiscard]] double volume(std::span<const std::size_t> rows) const;

    search_domain domain_;
    std::unordered_map<genotype, std::size_t, genotype_hash> row_of_;
    std::vector<double> accuracy_, cost_, report_, violation_;
    std::vector<double> reference_;
    double exact_volume_ = 0.0;
};

/// Asks for `batch` proposals at a time until `evaluations` are made or nothing new is proposed.
template <Optimizer O>
[[nodiscard]] table_score run_on_table(const table_problem& problem, O& optimizer,
                                       std::size_t evaluations, std::size_t batch = 1) {
    std::vector<genotype> evaluated;
    while (evaluated.size() < evaluations) {
        const auto asked = optimizer.ask(std::min(batch, evaluations - evaluated.size()));
        if (asked.empty()) break;
        std::vector<outcome> outcomes;
        for (const proposal& p : asked) {
            outcomes.push_back(problem.evaluate(p));
            evaluated.push_back(p.genes);
        }
        optimizer.tell(outcomes);
    }
    return problem.score(evaluated);
}

}  // namespace lathe
