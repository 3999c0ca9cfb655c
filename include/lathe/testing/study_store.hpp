// SPDX-License-Identifier: Apache-2.0
// Conformance checks for the StudyStore concept, to be called from anybody's own tests.
#pragma once

#include <limits>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "lathe/search/concept.hpp"

namespace lathe::testing {

namespace detail {

/// One of each kind, with numbers and texts that are easily lost.
inline std::vector<study_event> telling_events() {
    trial whole{0, {{3, 0, 12}}, trial_status::evaluated, {}, {}};
    whole.metrics.push_back(
        {id_of<accuracy>(),
         {0.1 + 0.2, 0.29, 1.0 / 3.0, 0.95, provenance::measured, estimate_status::known, true}});
    whole.metrics.push_back({id_of<peak_memory>("edge"),
                             {412.0, 412.0, std::numeric_limits<double>::max(), 1.0,
                              provenance::lower_bound, estimate_status::known, false}});
    whole.metrics.push_back(
        {id_of<latency_p99>("edge"), estimate::missing(estimate_status::not_resolvable)});
    return {
        study_started{0xfedcba9876543210ULL},
        reference_measured{whole},
        trial_recorded{whole},
        trial_recorded{{1, {{0, 1, 2}}, trial_status::refused, {}, {}}},
        trial_recorded{{2, {{65535}}, trial_status::failed, {}, "a \"quoted\"\nmessage \xc3\xa9"}},
        trial_recorded{{3, {}, trial_status::failed, {}, ""}}};
}

}  // namespace detail

/// `open()` gives a store without events at first; called again, the one of before, as after a restart
/// of the program. Returns what is wrong with it, one sentence each: empty means that it conforms.
template <class Open>
    requires StudyStore<std::remove_cvref_t<std::invoke_result_t<Open&>>>
[[nodiscard]] std::vector<std::string> check_study_store(Open open) {
    std::vector<std::string> complaints;
    std::vector<study_event> kept;
    {
        auto&& store = open();
        if (!std::as_const(store).events().empty()) {
            complaints.emplace_back("a new store has events");
            return complaints;
        }
        for (const auto& e : detail::telling_events()) {
            store.append(e);
            kept.push_back(e);
            if (std::as_const(store).events() == kept) continue;
            complaints.push_back("event " + std::to_string(kept.size() - 1) +
                                 " is not the last of events(), as it was appended");
            return complaints;
        }
    }
    auto&& store = open();
    if (std::as_const(store).events() != kept) {
        complaints.emplace_back("opened again, the store has other events");
        return complaints;
    }
    store.append(kept.back());
    kept.push_back(kept.back());
    if (std::as_const(store).events() != kept) {
        complaints.emplace_back("opened again, the store does not go on where it was");
    }
    return complaints;
}

}  // namespace lathe::testing
