// SPDX-License-Identifier: Apache-2.0
// What an optimizer is: all that the author of one must read.
#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "lathe/core/genotype.hpp"

namespace lathe {

/// All that an optimizer knows of a search space. Every genotype on the axes is legal; those with the
/// same canonical form are the same candidate.
struct search_domain {
    std::vector<axis> axes;
    /// Idempotent and thread-safe. Empty: every genotype is its own canonical form.
    std::function<genotype(const genotype&)> canonical = {};
    /// If given, only these exist (a table): nothing else is ever proposed.
    std::optional<std::vector<genotype>> members = std::nullopt;
};

/// The domain of any search space. Refers to `space`, which must outlive it.
template <class Space>
[[nodiscard]] search_domain domain_of(const Space& space) {
    return {space.axes(), [&space](const genotype& g) { return space.canonical(g); }, std::nullopt};
}
template <class Space>
search_domain domain_of(const Space&& space) = delete;

/// A genotype to evaluate, in canonical form.
struct proposal {
    std::uint64_t id = 0;
    genotype genes;

    friend bool operator==(const proposal&, const proposal&) = default;
};

enum class outcome_status : std::uint8_t {
    ok,
    failed  ///< the evaluation went wrong; numbers are ignored and the candidate never ranks
};

/// What became of a proposal. Objectives are minimised. `violation` is 0 for a candidate that keeps
/// every limit, else its normalised distance from feasibility; an infeasible candidate needs no
/// objectives. A NaN anywhere counts as failed.
struct outcome {
    std::uint64_t id = 0;
    outcome_status status = outcome_status::ok;
    std::vector<double> objectives;
    double violation = 0.0;
};

/// - `ask(n)` gives n new proposals, fewer only if no more members were found: then the space is
///   exhausted, or so close to it that a bounded search finds nothing. It never asks for the same
///   candidate twice and may be called again before anything is told.
/// - `tell` takes outcomes in any order and in any portions; the order within one call does not
///   matter. An id that was never asked, or was told before, throws bad_input and changes nothing.
/// - `state()` is everything; `restore` on an optimizer made with the same arguments continues as if
///   there had been no interruption, candidates in flight included. A state that is damaged or belongs
///   to another space or kind of optimizer throws bad_input and changes nothing.
/// - The same arguments and the same calls give the same proposals, on any compiler and machine.
template <class O>
concept Optimizer = requires(O& optimizer, const O& same, std::size_t n,
                             std::span<const outcome> outcomes, std::string_view state) {
    { optimizer.ask(n) } -> std::same_as<std::vector<proposal>>;
    optimizer.tell(outcomes);
    { same.state() } -> std::same_as<std::string>;
    optimizer.restore(state);
};

/// What became of a candidate that somebody else proposed. The numbers are those of an `outcome`.
struct immigrant {
    genotype genes;
    std::vector<double> objectives;
    double violation = 0.0;
};

/// An optimizer that also learns from results it did not ask for. `receive` takes what is a member of
/// its space, in canonical form and new to it, as if it had been proposed and told, and passes over the
/// rest. Numbers that tell() would refuse throw bad_input and change nothing.
template <class O>
concept ReceivingOptimizer =
    Optimizer<O> && requires(O& optimizer, std::span<const immigrant> results) {
        optimizer.receive(results);
    };

/// One level of a search that goes level by level.
struct search_level {
    std::size_t budget = 0;   ///< outcomes it was given; 0: all that remain
    std::size_t told = 0;     ///< outcomes it has used so far, failures included
    std::size_t failed = 0;   ///< of those told
    std::size_t regions = 1;  ///< parts of the space that it works in
    double share = 1.0;       ///< of the space's genotypes that lie in them

    friend bool operator==(const search_level&, const search_level&) = default;
};

/// An optimizer whose budget is divided into levels; `levels()` gives those begun so far.
template <class O>
concept LevelledOptimizer = Optimizer<O> && requires(const O& same) {
    { same.levels() } -> std::same_as<std::vector<search_level>>;
};

/// What the shipped optimizers count and tell by counts(). Others need not.
struct optimizer_counts {
    std::uint64_t asked = 0;
    std::uint64_t told = 0;
    std::uint64_t failed = 0;      ///< of those told
    std::uint64_t received = 0;    ///< results of others that were taken
    std::uint64_t duplicates = 0;  ///< repeats recognised before they were proposed
    bool exhausted = false;        ///< the last ask found too few new members
};

}  // namespace lathe
