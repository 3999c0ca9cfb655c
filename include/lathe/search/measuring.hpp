// SPDX-License-Identifier: Apache-2.0
// How a study turns members into trials. Not for users of the library.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "lathe/cost_model/concept.hpp"
#include "lathe/evaluator/concept.hpp"
#include "lathe/network/network.hpp"
#include "lathe/search/concept.hpp"
#include "lathe/search/goals.hpp"
#include "lathe/search/ledger.hpp"
#include "lathe/search_space/concept.hpp"

namespace lathe::detail {

/// The events of a store, sorted for replay.
struct recorded_events {
    std::optional<trial> reference;
    std::deque<trial> trials;
};

/// Throws bad_input for events of another setup or in an order that no study writes.
[[nodiscard]] recorded_events check_events(std::vector<study_event> events, hash64 setup);
/// Takes the next recorded trial. Throws bad_input if it is of another member.
[[nodiscard]] trial take_recorded(recorded_events& events, const genotype& expected);

[[nodiscard]] hash64 setup_hash(const std::vector<axis>& axes, const search_goals& goals,
                                std::size_t batch, hash64 member_network, hash64 judge,
                                std::string_view optimizer_state);
void append(std::vector<metric_id>& all, const std::vector<metric_id>& more);
/// Throws bad_input for an objective or a limit that is not among the provided metrics.
void check_provided(const search_goals& goals, const std::vector<metric_id>& provided);
/// Throws bad_input for an evaluator's metric of which several scenarios have different values.
void check_judged(const search_goals& goals, const std::vector<metric_id>& judged);
void check_reference(const search_goals& goals, bool given);
void check_batch(std::size_t batch);
/// Of a study that is to be kept in a store.
void check_unused(bool used);
/// Throws unsupported with the message of a reference member that failed.
[[noreturn]] void throw_unmeasured(const trial& reference);

/// One list of metrics per network, with the scenario's name where a metric depends on the
/// deployment. Throws bad_input for a table of another number of networks.
[[nodiscard]] std::vector<std::vector<metric_estimate>> lists_of(const cost_table& table,
                                                                 std::size_t networks,
                                                                 const std::string& scenario);

/// What a cost model says of networks in one scenario, one list per network.
template <CostModel Model>
[[nodiscard]] std::vector<std::vector<metric_estimate>> estimate_for(Model& model,
                                                                     std::span<const network> nets,
                                                                     const scenario& s) {
    return lists_of(model.estimate(nets, s.target), nets.size(), s.name);
}

/// Members on their way to being trials. Networks of members that failed or were refused are
/// dropped, so that the rest stays contiguous for the next component.
class measuring {
public:
    explicit measuring(std::span<const genotype> members);

    template <SearchSpace Space>
    void lower(const Space& space) {
        for (std::size_t i = 0; i < trials_.size(); ++i) {
            try {
                nets_.push_back(space.lower(trials_[i].genes));
                owner_.push_back(i);
            } catch (...) {
                fail(i);
            }
        }
    }

    /// A model that throws for a batch is asked for each network alone; one that throws again
    /// fails.
    template <CostModel Model>
    void estimate(Model& model, const search_goals& goals) {
        for (const scenario& s : goals.scenarios) {
            if (nets_.empty()) return;
            try {
                merge(estimate_for(model, std::span<const network>(nets_), s));
            } catch (...) {
                std::vector<std::vector<metric_estimate>> lists(nets_.size());
                for (std::size_t k = 0; k < nets_.size(); ++k) {
                    try {
                        lists[k] =
                            estimate_for(model, std::span<const network>(&nets_[k], 1), s)[0];
                    } catch (...) {
                        fail(owner_[k]);
                    }
                }
                merge(lists);
            }
            drop_settled();
        }
    }

    /// Refuses what exact metrics rule out.
    void refuse(const study_ledger& ledger);

    template <Evaluator Judge>
    void evaluate(Judge& judge, const search_goals& goals, std::uint64_t first_id) {
        if (nets_.empty()) return;
        merge(judge.evaluate(candidates(first_id), fidelity{}), goals);
    }

    /// Trials in the order of the members.
    [[nodiscard]] std::vector<trial> finish() && { return std::move(trials_); }

private:
    [[nodiscard]] std::vector<candidate> candidates(std::uint64_t first_id) const;
    /// The exception being handled makes this trial a failure.
    void fail(std::size_t trial);
    void fail(std::size_t trial, std::string why);
    void merge(const std::vector<std::vector<metric_estimate>>& lists);
    /// What depends on the deployment holds for the only scenario.
    void merge(std::vector<evaluation> evaluations, const search_goals& goals);
    void take_metrics(std::size_t trial, const std::vector<metric_estimate>& metrics);
    void drop_settled();

    std::vector<trial> trials_;
    std::vector<network> nets_;
    std::vector<std::size_t> owner_;  ///< trial of each network
};

}  // namespace lathe::detail
