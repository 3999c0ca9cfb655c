// SPDX-License-Identifier: Apache-2.0
#include "lathe/network/memory_planner.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cstddef>
#include <limits>
#include <optional>
#include <utility>

#include "lathe/core/error.hpp"
#include "network/memory_planner_greedy.hpp"
#include "network/memory_planner_search.hpp"

namespace lathe {
namespace {

using index = std::size_t;

/// A copy with aligned sizes. Everything below works on it.
std::vector<planned_buffer> checked(std::span<const planned_buffer> buffers, std::int64_t alignment,
                                    const char* place) {
    if (alignment < 1 || !std::has_single_bit(static_cast<std::uint64_t>(alignment))) {
        throw error(errc::bad_input, place, fmt::format("alignment {}", alignment),
                    "give a power of two");
    }
    std::vector<planned_buffer> result(buffers.begin(), buffers.end());
    std::int64_t total = 0;
    for (index i = 0; i < result.size(); ++i) {
        auto& b = result[i];
        if (b.bytes < 0) {
            throw error(errc::bad_input, place, fmt::format("buffer {} has {} bytes", i, b.bytes),
                        "sizes must not be negative");
        }
        if (b.last < b.first) {
            throw error(errc::bad_input, place,
                        fmt::format("buffer {} lives from {} to {}", i, b.first, b.last),
                        "give first <= last");
        }
        if (b.bytes > std::numeric_limits<std::int64_t>::max() - alignment - total) {
            throw error(
                errc::bad_input, place,
                fmt::format("buffer {} with {} bytes makes the sum of sizes too large", i, b.bytes),
                "keep the sum below 2^63");
        }
        b.bytes = (b.bytes + alignment - 1) & ~(alignment - 1);
        total += b.bytes;
    }
    return result;
}

/// A plan that is improved by searches, part by part of the time.
class plan_improver {
public:
    plan_improver(const std::vector<planned_buffer>& sized, memory_plan start,
                  const memory_search_limit& limit)
        : plan_(std::move(start)), meter_(limit) {
        for (index i = 0; i < sized.size(); ++i) {
            if (sized[i].bytes == 0) continue;
            buffers_.push_back(sized[i]);
            places_.push_back(i);
            offsets_.push_back(plan_.offsets[i]);
        }
        search_.emplace(buffers_);
    }
    plan_improver(const plan_improver&) = delete;  // the search refers to the buffers
    plan_improver& operator=(const plan_improver&) = delete;

    searched_memory_plan fit(std::int64_t capacity) && {
        auto result = detail::fit_result::impossible;
        if (capacity >= plan_.lower_bound) result = improve(capacity, meter_.left());
        using enum detail::fit_result;
        return std::move(*this).finish(result == fits         ? memory_proof::fits
                                       : result == impossible ? memory_proof::infeasible
                                                              : memory_proof::stopped);
    }

    /// Tries the lower bound, then halves what is between it and the plan. Capacities that use up
    /// their share of nodes are left for the next round, which has larger shares.
    searched_memory_plan minimise() && {
        auto share = first_share * static_cast<std::int64_t>(buffers_.size());
        for (; !plan_.optimal() && meter_.left() > 0; share *= share_growth) {
            std::int64_t lowest = plan_.lower_bound;  // not yet tried in this round
            for (std::int64_t target = lowest; target < plan_.arena_bytes && meter_.left() > 0;
                 target = lowest + (plan_.arena_bytes - 1 - lowest) / 2) {
                if (improve(target, share) == detail::fit_result::stopped) lowest = target + 1;
                lowest = std::max(lowest, plan_.lower_bound);
            }
        }
        return std::move(*this).finish(plan_.optimal() ? memory_proof::optimal
                                                       : memory_proof::stopped);
    }

private:
    static constexpr std::int64_t first_share = 16;  // nodes for each buffer
    static constexpr std::int64_t share_growth = 4;

    /// Searches in those parts of the time that are higher than the capacity.
    detail::fit_result improve(std::int64_t capacity, std::int64_t nodes) {
        auto result = detail::fit_result::fits;
        for (const auto& part : search_->parts()) {
            if (height(part) <= capacity) continue;
            result = search_->fit(part, capacity, nodes, meter_, offsets_);
            if (result != detail::fit_result::fits) break;
        }
        if (result == detail::fit_result::impossible) plan_.lower_bound = search_->needed();
        plan_.arena_bytes = 0;
        for (const auto& part : search_->parts()) {
            plan_.arena_bytes = std::max(plan_.arena_bytes, height(part));
        }
        return result;
    }

    std::int64_t height(detail::section_range part) const {
        std::int64_t result = 0;
        for (index i = 0; i < buffers_.size(); ++i) {
            if (!search_->in_part(i, part)) continue;
            result = std::max(result, offsets_[i] + buffers_[i].bytes);
        }
        return result;
    }

    searched_memory_plan finish(memory_proof proof) && {
        for (index i = 0; i < buffers_.size(); ++i) plan_.offsets[places_[i]] = offsets_[i];
        return {std::move(plan_), proof, meter_.spent()};
    }

    memory_plan plan_;
    detail::node_meter meter_;
    std::vector<planned_buffer> buffers_;  // those that take place
    std::vector<index> places_;            // of each its index in the plan
    std::vector<std::int64_t> offsets_;
    std::optional<detail::placement_search> search_;
};

void check(const memory_search_limit& limit, const char* place) {
    if (limit.nodes < 0) {
        throw error(errc::bad_input, place, fmt::format("a limit of {} nodes", limit.nodes),
                    "give 0 or more");
    }
    if (limit.time && limit.time->count() < 0) {
        throw error(errc::bad_input, place, fmt::format("a limit of {} ms", limit.time->count()),
                    "give 0 or more");
    }
}

}  // namespace

memory_plan plan_memory(std::span<const planned_buffer> buffers, std::int64_t alignment,
                        std::int64_t enough) {
    // Keeps planning within about a millisecond.
    constexpr std::size_t searched_buffers = 128;
    constexpr std::int64_t nodes = 240;
    const auto sized = checked(buffers, alignment, "plan_memory");
    auto plan = detail::greedy_plan(sized, enough);
    if (plan.optimal() || plan.arena_bytes <= enough || sized.size() > searched_buffers) return plan;
    const std::int64_t live = plan.lower_bound;
    auto searched = plan_improver(sized, std::move(plan), {.nodes = nodes}).minimise();
    searched.plan.lower_bound = live;
    return std::move(searched.plan);
}

searched_memory_plan minimise_memory(std::span<const planned_buffer> buffers,
                                     std::int64_t alignment, const memory_search_limit& limit) {
    constexpr const char* place = "minimise_memory";
    check(limit, place);
    const auto sized = checked(buffers, alignment, place);
    return plan_improver(sized, detail::greedy_plan(sized), limit).minimise();
}

searched_memory_plan fit_memory(std::span<const planned_buffer> buffers, std::int64_t capacity,
                                std::int64_t alignment, const memory_search_limit& limit) {
    constexpr const char* place = "fit_memory";
    check(limit, place);
    if (capacity < 0) {
        throw error(errc::bad_input, place, fmt::format("a capacity of {} bytes", capacity),
                    "give 0 or more");
    }
    const auto sized = checked(buffers, alignment, place);
    return plan_improver(sized, detail::greedy_plan(sized), limit).fit(capacity);
}

void check_plan(std::span<const planned_buffer> buffers, const memory_plan& plan) {
    const auto broken = [](std::string problem) {
        return error(errc::internal, "check_plan", std::move(problem));
    };
    if (plan.offsets.size() != buffers.size()) {
        throw broken(fmt::format("{} offsets for {} buffers", plan.offsets.size(), buffers.size()));
    }
    for (index i = 0; i < buffers.size(); ++i) {
        const std::int64_t end = plan.offsets[i] + buffers[i].bytes;
        if (plan.offsets[i] < 0 || end > plan.arena_bytes) {
            throw broken(fmt::format("buffer {} at [{}, {}) is outside of the arena of {} bytes", i,
                                     plan.offsets[i], end, plan.arena_bytes));
        }
        for (index j = 0; j < i; ++j) {
            if (detail::alive_together(buffers[i], buffers[j]) && buffers[i].bytes > 0 &&
                buffers[j].bytes > 0 && plan.offsets[i] < plan.offsets[j] + buffers[j].bytes &&
                plan.offsets[j] < end) {
                throw broken(fmt::format("buffers {} and {} are alive together and overlap", j, i));
            }
        }
    }
}

}  // namespace lathe
