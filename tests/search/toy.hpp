// SPDX-License-Identifier: Apache-2.0
// The smallest components a study can be made of, with known answers.
#pragma once

#include <cstdint>
#include <set>
#include <span>
#include <sstream>
#include <stdexcept>
#include <string>
#include <vector>

#include "lathe/core/error.hpp"
#include "lathe/cost_model/concept.hpp"
#include "lathe/evaluator/function.hpp"
#include "lathe/network/network.hpp"
#include "lathe/optimizer/concept.hpp"
#include "lathe/search/concept.hpp"
#include "lathe/search/goals.hpp"
#include "lathe/search_space/concept.hpp"

namespace lathe::toy {

/// A linear layer with 8 x (width + 1) inputs and 2 x (depth + 1) outputs.
/// parameters = 16 (w + 1)(d + 1) + 2 (d + 1).
class space {
public:
    explicit space(std::uint32_t widths = 8, std::uint32_t depths = 5)
        : axes_{{"width", axis_kind::ordinal, names(widths)},
                {"depth", axis_kind::ordinal, names(depths)}} {}

    [[nodiscard]] const std::vector<axis>& axes() const { return axes_; }
    [[nodiscard]] genotype canonical(const genotype& g) const { return g; }
    [[nodiscard]] network lower(const genotype& g) const {
        const std::int64_t in = 8 * (g.genes.at(0) + 1);
        const std::int64_t out = 2 * (g.genes.at(1) + 1);
        network_builder b;
        const value_id x = b.input("x", vector_type(in));
        const value_id y = b.add(
            "fc", linear_op{leading("w", {1000, 1000}, {out, in}), leading("b", {1000}, {out})},
            {x});
        b.output(y, output_role::logits);
        return std::move(b).build();
    }
    [[nodiscard]] genotype largest() const {
        return {{static_cast<std::uint16_t>(axes_[0].size() - 1),
                 static_cast<std::uint16_t>(axes_[1].size() - 1)}};
    }
    [[nodiscard]] genotype smallest() const { return {{0, 0}}; }

private:
    static std::vector<std::string> names(std::uint32_t n) {
        std::vector<std::string> list;
        for (std::uint32_t i = 0; i < n; ++i) list.push_back(std::to_string(i));
        return list;
    }
    std::vector<axis> axes_;
};
static_assert(ElasticSpace<space>);

/// Exact parameters.
struct size_model {
    using provided = metric_list<parameters>;
    int networks = 0;

    [[nodiscard]] static std::vector<metric_id> metrics() { return provided::ids(); }
    [[nodiscard]] cost_table estimate(std::span<const network> nets, const deployment&) {
        cost_table table(metrics(), nets.size());
        for (std::size_t i = 0; i < nets.size(); ++i) {
            ++networks;
            table.column(0)[i] =
                lathe::estimate::exact(static_cast<double>(total_parameters(nets[i]).value));
        }
        return table;
    }
};
static_assert(CostModel<size_model>);

/// "Measured" P99: 10 ns per parameter and batch input, half-width 10 %, times `slowdown`.
struct latency_model {
    using provided = metric_list<latency_p99>;
    double slowdown = 1.0;
    double half_width = 0.1;
    bool noisy = false;
    int networks = 0;
    int throw_at = -1;  ///< number of parameters of a network that cannot be timed

    [[nodiscard]] static std::vector<metric_id> metrics() { return provided::ids(); }
    [[nodiscard]] cost_table estimate(std::span<const network> nets, const deployment& d) {
        cost_table table(metrics(), nets.size());
        for (std::size_t i = 0; i < nets.size(); ++i) {
            ++networks;
            const auto size = static_cast<double>(total_parameters(nets[i]).value);
            if (static_cast<int>(size) == throw_at) throw std::runtime_error("cannot be timed");
            const double value = 10.0 * size * d.batch * slowdown;
            table.column(0)[i] = {value, value * (1 - half_width), value * (1 + half_width),
                                  0.95,  provenance::measured,     estimate_status::known,
                                  noisy};
        }
        return table;
    }
};
static_assert(CostModel<latency_model>);

/// Rises with width and depth, best at some middle ground of cost.
inline double quality(const genotype& g) {
    const double w = g.genes.at(0);
    const double d = g.genes.at(1);
    return 0.5 + 0.04 * w + 0.03 * d - 0.002 * w * d;
}

/// All members in an order that depends on the seed and on what was told: a wrong replay shows.
class optimizer {
public:
    explicit optimizer(const space& s, std::uint64_t seed = 1) : axes_(s.axes()), state_(seed) {}

    [[nodiscard]] std::vector<proposal> ask(std::size_t n) {
        std::vector<proposal> list;
        const std::uint64_t members = axes_[0].size() * axes_[1].size();
        while (list.size() < n && asked_.size() < members) {
            state_ = mix(state_);
            std::uint64_t at = state_ % members;
            while (!asked_.insert(at).second) at = (at + 1) % members;
            list.push_back({next_++,
                            {{static_cast<std::uint16_t>(at / axes_[1].size()),
                              static_cast<std::uint16_t>(at % axes_[1].size())}}});
        }
        return list;
    }
    void tell(std::span<const outcome> outcomes) {
        for (const outcome& o : outcomes) {
            told.push_back(o);
            hasher h;
            h.add(o.id).add(static_cast<std::uint64_t>(o.status));
            h.add(static_cast<std::uint64_t>(o.violation * 1e6));
            for (const double v : o.objectives) h.add(static_cast<std::uint64_t>(1e9 + v * 1e6));
            state_ += h.value();
        }
        state_ = mix(state_);
    }
    [[nodiscard]] std::string state() const {
        std::ostringstream text;
        text << state_ << ' ' << next_;
        for (const auto a : asked_) text << ' ' << a;
        return text.str();
    }
    void restore(std::string_view text) {
        std::istringstream in{std::string(text)};
        in >> state_ >> next_;
        asked_.clear();
        for (std::uint64_t a = 0; in >> a;) asked_.insert(a);
    }

    std::vector<outcome> told;

private:
    std::vector<axis> axes_;
    std::uint64_t state_;
    std::uint64_t next_ = 0;
    std::set<std::uint64_t> asked_;
};
static_assert(Optimizer<optimizer>);

/// A study store without a disk.
struct vector_store {
    std::vector<study_event> kept;
    std::size_t fail_at = static_cast<std::size_t>(-1);  ///< the append that throws

    void append(const study_event& e) {
        if (kept.size() == fail_at) throw error(errc::io, "vector_store", "disk full");
        kept.push_back(e);
    }
    [[nodiscard]] std::vector<study_event> events() const { return kept; }
};
static_assert(StudyStore<vector_store>);

inline search_goals edge_goals(const std::string& latency_limit = "<= 40%",
                               const std::string& size_limit = "<= 400") {
    return typed_goals<>()
        .in("edge", {2, 1, 1})
        .optimize<accuracy>()
        .optimize<latency_p99>("edge")
        .limit<latency_p99>("edge", latency_limit)
        .limit<parameters>("edge", size_limit)
        .untyped();
}

inline auto evaluator() {
    return evaluator_of<accuracy>([](const candidate& c) { return quality(c.genes); });
}

}  // namespace lathe::toy
