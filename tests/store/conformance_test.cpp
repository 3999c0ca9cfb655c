// SPDX-License-Identifier: Apache-2.0
#include <catch2/catch.hpp>
#include <fmt/format.h>
#include <functional>
#include <utility>

#include "lathe/store/log_store.hpp"
#include "lathe/store/memory_store.hpp"
#include "lathe/testing/study_store.hpp"
#include "support/temporary_folder.hpp"

using namespace lathe;
using Catch::Matchers::Contains;

namespace {

/// Wrong in one way.
struct faulty {
    enum class fault { none, forgets, rounds, starts_full };
    fault kind = fault::none;
    std::vector<study_event> kept = {};

    void append(study_event e) {
        if (auto* t = std::get_if<trial_recorded>(&e); t != nullptr && kind == fault::rounds) {
            for (auto& m : t->trial.metrics) m.value.value = static_cast<float>(m.value.value);
        }
        kept.push_back(std::move(e));
    }
    [[nodiscard]] std::vector<study_event> events() const {
        if (kind == fault::starts_full && kept.empty()) return {study_started{1}};
        return kept;
    }
};

std::string complaints_about(faulty::fault kind) {
    faulty lasting{kind};
    const auto complaints =
        kind == faulty::fault::forgets
            ? testing::check_study_store([&] { return faulty{kind}; })
            : testing::check_study_store([&]() -> faulty& { return lasting; });
    return fmt::format("{}", fmt::join(complaints, "\n"));
}

}  // namespace

TEST_CASE("the stores conform") {
    const temporary_folder folder;
    bool is_new = true;
    CHECK(testing::check_study_store([&] {
              const auto path = folder / "study.log";
              return std::exchange(is_new, false) ? log_store::create(path) : log_store::resume(path);
          }).empty());
    memory_store memory;
    CHECK(testing::check_study_store([&]() -> memory_store& { return memory; }).empty());
}

TEST_CASE("the checks find what is wrong with a store") {
    using enum faulty::fault;
    CHECK(complaints_about(none).empty());
    CHECK_THAT(complaints_about(forgets), Contains("opened again, the store has other events"));
    CHECK_THAT(complaints_about(rounds), Contains("as it was appended"));
    CHECK_THAT(complaints_about(starts_full), Contains("a new store has events"));
}
