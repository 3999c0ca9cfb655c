// SPDX-License-Identifier: Apache-2.0
// What a search space is: all that the author of one must read.
#pragma once

#include <concepts>
#include <vector>

#include "lathe/core/genotype.hpp"
#include "lathe/network/network.hpp"

namespace lathe {

/// A set of networks spelled by genotypes.
///
/// axes():       the decisions; the same for the whole life of the space, none without options.
/// canonical(g): one genotype for all that spell the same network. Inactive genes are 0;
///               canonical(canonical(g)) == canonical(g).
/// lower(g):     the network. Every genotype whose genes fit the axes is legal, canonical or not, and
///               canonical(a) == canonical(b) exactly when lower(a) and lower(b) have the same
///               identity_hash(). Members share weights by naming the same tensors, so one tensor name
///               has one full shape in the whole space.
///
/// canonical() and lower() throw bad_input for a genotype that does not fit the axes (call
/// validate()). All calls are const and may come from several threads at once.
///
/// A space may also have count(), sample(rng&) and describe(g); members.hpp uses them in place of its
/// general methods.
template <class S>
concept SearchSpace = requires(const S& space, const genotype& g) {
    { space.axes() } -> std::same_as<const std::vector<axis>&>;
    { space.canonical(g) } -> std::same_as<genotype>;
    { space.lower(g) } -> std::same_as<network>;
};

/// A space whose members are nested: every member's weights are slices of the largest member's, and
/// no member costs more MACs than the largest or fewer than the smallest. Both genotypes are
/// canonical. Such a space is ready for the sandwich rule and for limits relative to the largest.
template <class S>
concept ElasticSpace = SearchSpace<S> && requires(const S& space) {
    { space.largest() } -> std::same_as<genotype>;
    { space.smallest() } -> std::same_as<genotype>;
};

/// Throws bad_input when the number of genes is not that of the axes or a gene is not below the size
/// of its axis; names the axis.
void validate(const genotype& g, const std::vector<axis>& axes);

}  // namespace lathe
