// SPDX-License-Identifier: Apache-2.0
#include "lathe/evaluator/tabular.hpp"

#include <cmath>

#include <fmt/format.h>

#include "lathe/core/error.hpp"

namespace lathe {

tabular_evaluator::tabular_evaluator(std::vector<metric_id> metrics)
    : metrics_(std::move(metrics)) {}

void tabular_evaluator::add(const genotype& genes, std::span<const double> values) {
    const std::string place = "tabular_evaluator::add(" + to_string(genes) + ")";
    if (values.size() != metrics_.size()) {
        throw error(errc::bad_input, place,
                    fmt::format("{} values for {} metrics", values.size(), metrics_.size()),
                    "give one value per metric");
    }
    for (std::size_t m = 0; m < values.size(); ++m) {
        if (!std::isfinite(values[m])) {
            throw error(errc::bad_input, place,
                        fmt::format("{} is {}", to_string(metrics_[m]), values[m]),
                        "leave members without a value out of the table");
        }
    }
    if (!rows_.emplace(genes, rows_.size()).second) {
        throw error(errc::bad_input, place, "this genotype is already in the table",
                    "give every member once");
    }
    values_.insert(values_.end(), values.begin(), values.end());
}

std::vector<evaluation> tabular_evaluator::evaluate(std::span<const candidate> candidates,
                                                    fidelity) const {
    std::vector<evaluation> result;
    result.reserve(candidates.size());
    for (const candidate& c : candidates) {
        const auto row = rows_.find(c.genes);
        if (row == rows_.end()) {
            result.push_back(evaluation::failure(to_string(c.genes) + " is not in the table"));
            continue;
        }
        evaluation& e = result.emplace_back();
        for (std::size_t m = 0; m < metrics_.size(); ++m) {
            const double value = values_[row->second * metrics_.size() + m];
            estimate known = estimate::exact(value);
            known.source = provenance::table;
            e.metrics.push_back({metrics_[m], known});
        }
    }
    return result;
}

}  // namespace lathe
