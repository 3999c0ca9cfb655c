// SPDX-License-Identifier: Apache-2.0
// A study store that forgets with the process: for tests and for short searches.
#pragma once

#include <utility>
#include <vector>

#include "lathe/search/concept.hpp"

namespace lathe {

class memory_store {
public:
    memory_store() = default;
    /// Starts with the events of another store.
    explicit memory_store(std::vector<study_event> events) : events_(std::move(events)) {}

    void append(const study_event& e) { events_.push_back(e); }
    [[nodiscard]] std::vector<study_event> events() const { return events_; }

private:
    std::vector<study_event> events_;
};
static_assert(StudyStore<memory_store>);

}  // namespace lathe
