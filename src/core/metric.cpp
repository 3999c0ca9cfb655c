// SPDX-License-Identifier: Apache-2.0
#include "lathe/core/metric.hpp"

#include <array>
#include <vector>

#include "lathe/core/error.hpp"
#include "lathe/core/text.hpp"

namespace lathe {
namespace {

constexpr std::array<std::string_view, 9> quantity_names = {
    "accuracy",      "loss", "latency",    "peak_memory", "arena_memory",
    "weight_memory", "macs", "parameters", "energy"};
constexpr std::array<std::string_view, 5> statistic_names = {"", "mean", "p50", "p90", "p99"};

std::string name_of(quantity of, statistic by) {
    std::string text(quantity_names[static_cast<std::size_t>(of)]);
    if (by != statistic::value) {
        text += '_';
        text += statistic_names[static_cast<std::size_t>(by)];
    }
    return text;
}

}  // namespace

std::string to_string(const metric_id& id) {
    std::string text = name_of(id.of, id.by);
    if (!id.scenario.empty()) text += '@' + id.scenario;
    return text;
}

metric_id parse_metric(std::string_view text) {
    const auto at = text.find('@');
    const std::string_view name = text.substr(0, at);
    std::vector<std::string> known;
    for (std::size_t q = 0; q < quantity_names.size(); ++q) {
        for (std::size_t s = 0; s < statistic_names.size(); ++s) {
            const auto of = static_cast<quantity>(q);
            const auto by = static_cast<statistic>(s);
            if (!is_metric(of, by)) continue;
            known.push_back(name_of(of, by));
            if (known.back() == name) {
                return {of, by,
                        at == std::string_view::npos ? std::string()
                                                     : std::string(text.substr(at + 1))};
            }
        }
    }
    const std::vector<std::string_view> names(known.begin(), known.end());
    const std::string_view near = nearest_name(name, names);
    std::string remedy = near.empty() ? "known metrics:" : "did you mean '" + std::string(near) + "'?";
    if (near.empty()) {
        for (const auto& n : known) remedy += ' ' + n;
    }
    throw error(errc::bad_input, "metric", "'" + std::string(text) + "' is not known", remedy);
}

bool depends_on_deployment(quantity q) noexcept {
    switch (q) {
        case quantity::latency:
        case quantity::peak_memory:
        case quantity::arena_memory:
        case quantity::weight_memory:
        case quantity::energy: return true;
        default: return false;
    }
}

}  // namespace lathe
