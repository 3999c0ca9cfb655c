// SPDX-License-Identifier: Apache-2.0
#include "lathe/evaluator/staged.hpp"

#include <cmath>
#include <numeric>

#include <fmt/format.h>

#include "lathe/core/error.hpp"
#include "lathe/core/rank_correlation.hpp"
#include "lathe/evaluator/checks.hpp"
#include "lathe/pareto/crowding.hpp"
#include "lathe/pareto/non_dominated_sort.hpp"

namespace lathe::detail {
namespace {

std::string name_of(std::size_t k) { return fmt::format("stage {}", k + 1); }

void require_share(std::size_t k, std::string_view what, double value) {
    if (value > 0.0 && value <= 1.0) return;
    throw error(errc::bad_input, fmt::format("{}, {}", name_of(k), what),
                fmt::format("{} is out of range", value), "give more than 0 and at most 1");
}

/// The value to minimise, if the evaluation has one.
std::optional<double> value_of(const evaluation& e, const metric_id& id) {
    const auto at = std::ranges::find(e.metrics, id, &metric_estimate::id);
    if (at == e.metrics.end() || !at->value.known() || !std::isfinite(at->value.value)) {
        return std::nullopt;
    }
    const bool more_is_better = natural_direction(id.of) == direction::maximize;
    return more_is_better ? -at->value.value : at->value.value;
}

}  // namespace

stage_race::stage_race(staged_settings settings, std::span<const std::vector<metric_id>> provided)
    : settings_(std::move(settings)), promised_(provided.back()), tallies_(provided.size()) {
    const auto& stages = settings_.stages;
    if (stages.size() != provided.size()) {
        throw error(errc::bad_input, "staged_evaluator",
                    fmt::format("{} stages for {} evaluators", stages.size(), provided.size()),
                    "give one stage per evaluator");
    }
    for (std::size_t k = 0; k < stages.size(); ++k) {
        require_share(k, "effort", stages[k].effort);
        require_share(k, "share", stages[k].share);
        if (std::ranges::find(provided[k], stages[k].judged_by) == provided[k].end()) {
            throw error(errc::bad_input, name_of(k),
                        "its evaluator does not measure " + to_string(stages[k].judged_by),
                        "rank by a metric that it provides");
        }
    }
    if (stages.front().share != 1.0) {
        throw error(errc::bad_input, name_of(0) + ", share",
                    fmt::format("it is {}, but the first stage judges all", stages.front().share),
                    "give 1");
    }
}

void stage_race::begin(std::span<const candidate> candidates) {
    candidates_.assign(candidates.begin(), candidates.end());
    results_.assign(candidates.size(), {});
    running_.resize(candidates.size());
    std::iota(running_.begin(), running_.end(), std::size_t{0});
    values_.clear();
}

std::vector<candidate> stage_race::field(std::size_t k) {
    if (k > 0 && !running_.empty()) choose(k);
    std::vector<candidate> list;
    for (const std::size_t i : running_) list.push_back(candidates_[i]);
    return list;
}

void stage_race::choose(std::size_t k) {
    const std::size_t judged = running_.size();
    const double share = settings_.stages[k].share * static_cast<double>(judged);
    const std::size_t room = std::max<std::size_t>(1, static_cast<std::size_t>(share + 0.5));
    std::vector<std::size_t> order = best_first();
    for (std::size_t at = room; at < judged; ++at) drop(k, running_[order[at]], room, judged);
    order.resize(room);
    std::ranges::sort(order);  // the next evaluator sees them in the order of the batch
    std::vector<std::size_t> on;
    std::vector<double> values;
    for (const std::size_t at : order) {
        on.push_back(running_[at]);
        values.push_back(values_[at]);
    }
    running_ = std::move(on);
    values_ = std::move(values);
    tallies_[k - 1].passed += room;
}

void stage_race::drop(std::size_t k, std::size_t runner, std::size_t room, std::size_t of) {
    evaluation& e = results_[runner];
    e = {};
    for (const metric_id& id : promised_) {
        e.metrics.push_back({id, estimate::missing(estimate_status::not_resolvable)});
    }
    e.message = fmt::format("not among the best {} of {} in {}", room, of, name_of(k - 1));
}

std::vector<std::size_t> stage_race::best_first() const {
    const std::size_t n = running_.size();
    std::vector<std::uint32_t> rank(n, 0);
    std::vector<double> distance(n, 0.0);
    if (settings_.cost) {
        std::vector<double> columns = values_;
        for (const std::size_t i : running_) columns.push_back(settings_.cost(candidates_[i]));
        const objective_view points(columns, n, 2);
        non_dominated_sorter().rank(points, rank);
        crowding room;
        for (const auto& front : fronts_of(rank)) {
            std::vector<double> distances(front.size());
            room.measure(points, front, distances);
            for (std::size_t i = 0; i < front.size(); ++i) distance[front[i]] = distances[i];
        }
    }
    std::vector<std::size_t> order(n);
    std::iota(order.begin(), order.end(), std::size_t{0});
    std::ranges::sort(order, [&](std::size_t a, std::size_t b) {
        return std::tuple(rank[a], -distance[a], values_[a], a) <
               std::tuple(rank[b], -distance[b], values_[b], b);
    });
    return order;
}

void stage_race::take(std::size_t k, std::vector<evaluation> evaluations) {
    check_count(evaluations.size(), running_.size(), name_of(k));
    const metric_id& by = settings_.stages[k].judged_by;
    std::vector<std::size_t> on;
    std::vector<double> values;
    for (std::size_t at = 0; at < evaluations.size(); ++at) {
        evaluation& e = evaluations[at];
        const auto value = value_of(e, by);
        if (e.status == evaluation_status::failed) {
            e = evaluation::failure(name_of(k) + ": " + e.message);
        } else if (!value) {
            e = evaluation::failure(name_of(k) + " did not measure " + to_string(by));
        } else {
            if (k > 0) {
                tallies_[k - 1].here.push_back(values_[at]);
                tallies_[k - 1].next.push_back(*value);
            }
            on.push_back(running_[at]);
            values.push_back(*value);
        }
        ++tallies_[k].judged;
        tallies_[k].failed += e.status == evaluation_status::failed ? 1U : 0U;
        results_[running_[at]] = std::move(e);
    }
    running_ = std::move(on);
    values_ = std::move(values);
}

std::vector<evaluation> stage_race::finish() { return std::exchange(results_, {}); }

std::vector<stage_report> stage_race::report() const {
    std::vector<stage_report> list;
    for (const tally& t : tallies_) {
        list.push_back({t.judged, t.failed, t.passed,
                        {t.here.size(), kendall_tau_b(t.here, t.next), spearman_rho(t.here, t.next)}});
    }
    return list;
}

}  // namespace lathe::detail
