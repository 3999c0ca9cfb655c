// SPDX-License-Identifier: Apache-2.0
// Components chosen at run time. Each any_... models its concept, refers to a component that must
// outlive it, and is copied like a pointer. Code that knows its types needs none of them.
#pragma once

#include <concepts>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "lathe/cost_model/concept.hpp"
#include "lathe/evaluator/concept.hpp"
#include "lathe/optimizer/concept.hpp"
#include "lathe/search/concept.hpp"
#include "lathe/search_space/concept.hpp"
#include "lathe/search_space/members.hpp"

namespace lathe {

class any_space {
public:
    template <SearchSpace S>
        requires(!std::same_as<S, any_space>)
    explicit any_space(const S& space) : object_(std::addressof(space)), calls_(&calls_of<S>) {}
    template <SearchSpace S>
        requires(!std::same_as<S, any_space>)
    explicit any_space(const S&& space) = delete;

    [[nodiscard]] const std::vector<axis>& axes() const { return calls_->axes(object_); }
    [[nodiscard]] genotype canonical(const genotype& g) const {
        return calls_->canonical(object_, g);
    }
    [[nodiscard]] network lower(const genotype& g) const { return calls_->lower(object_, g); }
    /// Nothing for a space that is not elastic.
    [[nodiscard]] std::optional<genotype> largest() const { return calls_->largest(object_); }
    [[nodiscard]] std::optional<genotype> smallest() const { return calls_->smallest(object_); }
    [[nodiscard]] member_count count() const { return calls_->count(object_); }
    [[nodiscard]] genotype sample(rng& random) const { return calls_->sample(object_, random); }
    [[nodiscard]] std::string describe(const genotype& g) const {
        return calls_->describe(object_, g);
    }

private:
    struct table {
        const std::vector<axis>& (*axes)(const void*);
        genotype (*canonical)(const void*, const genotype&);
        network (*lower)(const void*, const genotype&);
        std::optional<genotype> (*largest)(const void*);
        std::optional<genotype> (*smallest)(const void*);
        member_count (*count)(const void*);
        genotype (*sample)(const void*, rng&);
        std::string (*describe)(const void*, const genotype&);
    };
    template <class S>
    static const S& as(const void* p) {
        return *static_cast<const S*>(p);
    }
    template <class S>
    static constexpr table calls_of = {
        [](const void* p) -> const std::vector<axis>& { return as<S>(p).axes(); },
        [](const void* p, const genotype& g) { return as<S>(p).canonical(g); },
        [](const void* p, const genotype& g) { return as<S>(p).lower(g); },
        [](const void* p) -> std::optional<genotype> {
            if constexpr (ElasticSpace<S>) {
                return as<S>(p).largest();
            } else {
                return std::nullopt;
            }
        },
        [](const void* p) -> std::optional<genotype> {
            if constexpr (ElasticSpace<S>) {
                return as<S>(p).smallest();
            } else {
                return std::nullopt;
            }
        },
        [](const void* p) { return count_members(as<S>(p)); },
        [](const void* p, rng& random) { return sample_member(as<S>(p), random); },
        [](const void* p, const genotype& g) { return describe_member(as<S>(p), g); }};

    const void* object_;
    const table* calls_;
};
static_assert(SearchSpace<any_space>);

class any_cost_model {
public:
    template <CostModel M>
        requires(!std::same_as<M, any_cost_model>)
    explicit any_cost_model(M& model) : object_(std::addressof(model)), calls_(&calls_of<M>) {}

    [[nodiscard]] std::vector<metric_id> metrics() const { return calls_->metrics(object_); }
    [[nodiscard]] cost_table estimate(std::span<const network> nets, const deployment& d) const {
        return calls_->estimate(object_, nets, d);
    }

private:
    struct table {
        std::vector<metric_id> (*metrics)(const void*);
        cost_table (*estimate)(void*, std::span<const network>, const deployment&);
    };
    template <class M>
    static constexpr table calls_of = {
        [](const void* p) { return static_cast<const M*>(p)->metrics(); },
        [](void* p, std::span<const network> nets, const deployment& d) {
            return static_cast<M*>(p)->estimate(nets, d);
        }};

    void* object_;
    const table* calls_;
};
static_assert(CostModel<any_cost_model>);

class any_evaluator {
public:
    static constexpr thread_safety safety = thread_safety::none;

    template <Evaluator E>
        requires(!std::same_as<E, any_evaluator>)
    explicit any_evaluator(E& evaluator)
        : object_(std::addressof(evaluator)), calls_(&calls_of<E>) {}

    [[nodiscard]] std::vector<metric_id> metrics() const { return calls_->metrics(object_); }
    [[nodiscard]] std::vector<evaluation> evaluate(std::span<const candidate> candidates,
                                                   fidelity f) const {
        return calls_->evaluate(object_, candidates, f);
    }
    [[nodiscard]] bool judges_batches() const { return calls_->judges_batches(object_); }

private:
    struct table {
        std::vector<metric_id> (*metrics)(const void*);
        std::vector<evaluation> (*evaluate)(void*, std::span<const candidate>, fidelity);
        bool (*judges_batches)(const void*);
    };
    template <class E>
    static constexpr table calls_of = {
        [](const void* p) -> std::vector<metric_id> { return static_cast<const E*>(p)->metrics(); },
        [](void* p, std::span<const candidate> candidates, fidelity f) {
            return static_cast<E*>(p)->evaluate(candidates, f);
        },
        [](const void* p) { return lathe::judges_batches(*static_cast<const E*>(p)); }};

    void* object_;
    const table* calls_;
};
static_assert(Evaluator<any_evaluator>);

class any_optimizer {
public:
    template <Optimizer O>
        requires(!std::same_as<O, any_optimizer>)
    explicit any_optimizer(O& optimizer)
        : object_(std::addressof(optimizer)), calls_(&calls_of<O>) {}

    [[nodiscard]] std::vector<proposal> ask(std::size_t n) { return calls_->ask(object_, n); }
    void tell(std::span<const outcome> outcomes) { calls_->tell(object_, outcomes); }
    [[nodiscard]] std::string state() const { return calls_->state(object_); }
    void restore(std::string_view state) { calls_->restore(object_, state); }
    /// None for an optimizer that does not work level by level.
    [[nodiscard]] std::vector<search_level> levels() const { return calls_->levels(object_); }
    /// Nothing for an optimizer that does not count.
    [[nodiscard]] std::optional<optimizer_counts> counts() const { return calls_->counts(object_); }

private:
    struct table {
        std::vector<proposal> (*ask)(void*, std::size_t);
        void (*tell)(void*, std::span<const outcome>);
        std::string (*state)(const void*);
        void (*restore)(void*, std::string_view);
        std::vector<search_level> (*levels)(const void*);
        std::optional<optimizer_counts> (*counts)(const void*);
    };
    template <class O>
    static constexpr table calls_of = {
        [](void* p, std::size_t n) { return static_cast<O*>(p)->ask(n); },
        [](void* p, std::span<const outcome> outcomes) { static_cast<O*>(p)->tell(outcomes); },
        [](const void* p) { return static_cast<const O*>(p)->state(); },
        [](void* p, std::string_view state) { static_cast<O*>(p)->restore(state); },
        [](const void* p) -> std::vector<search_level> {
            if constexpr (LevelledOptimizer<O>) return static_cast<const O*>(p)->levels();
            return {};
        },
        [](const void* p) -> std::optional<optimizer_counts> {
            if constexpr (requires(const O& o) { optimizer_counts(o.counts()); }) {
                return static_cast<const O*>(p)->counts();
            } else {
                return std::nullopt;
            }
        }};

    void* object_;
    const table* calls_;
};
static_assert(LevelledOptimizer<any_optimizer>);

class any_store {
public:
    template <StudyStore S>
        requires(!std::same_as<S, any_store>)
    explicit any_store(S& store) : object_(std::addressof(store)), calls_(&calls_of<S>) {}

    void append(const study_event& e) { calls_->append(object_, e); }
    [[nodiscard]] std::vector<study_event> events() const { return calls_->events(object_); }

private:
    struct table {
        void (*append)(void*, const study_event&);
        std::vector<study_event> (*events)(const void*);
    };
    template <class S>
    static constexpr table calls_of = {
        [](void* p, const study_event& e) { static_cast<S*>(p)->append(e); },
        [](const void* p) { return static_cast<const S*>(p)->events(); }};

    void* object_;
    const table* calls_;
};
static_assert(StudyStore<any_store>);

}  // namespace lathe
