// SPDX-License-Identifier: Apache-2.0
#include "lathe/search/stop_rules.hpp"

#include <catch2/catch.hpp>

#include <limits>
#include <set>
#include <string>

#include "lathe/search/study.hpp"
#include "search/toy.hpp"

namespace lathe {
namespace {

using Catch::Matchers::Contains;

struct fixture {
    toy::space space;
    toy::size_model size;
    toy::latency_model latency;
    decltype(toy::evaluator()) judge = toy::evaluator();
    toy::optimizer strategy{space};
    /// One objective of the two has limits of its own, which all members keep.
    study<toy::space, decltype(judge), toy::optimizer, toy::size_model, toy::latency_model> search{
        space, judge, strategy, toy::edge_goals("<= 1s", "<= 100000"), {.batch = 4, .reference = {}},
        size,  latency};

    [[nodiscard]] double best_accuracy() const {
        double best = 0.0;
        for (const trial& t : search.ledger().trials()) best = std::max(best, toy::quality(t.genes));
        return best;
    }
};

TEST_CASE("a run ends after its steps, counted anew for each run") {
    fixture f;
    CHECK(f.search.run({.steps = 3}) == stop_reason::steps);
    CHECK(f.search.ledger().trials().size() == 12);
    CHECK(f.search.run({.steps = 1}) == stop_reason::steps);
    CHECK(f.search.ledger().trials().size() == 16);
    CHECK(f.search.run({.steps = 0}) == stop_reason::steps);
    CHECK(f.search.run({.evaluations = 16, .steps = 0}) == stop_reason::evaluations);
}

TEST_CASE("a target ends the run in the step that reaches it") {
    fixture f;
    const target_value enough(id_of<accuracy>(), 0.75);
    double before = 0.0;
    const auto why = f.search.run({}, enough, [&](const step_record&) {
        CHECK(before < 0.75);  // no step was made once it had been reached
        before = f.best_accuracy();
        return next_step::go_on;
    });
    CHECK(why == stop_reason::target);
    CHECK(f.best_accuracy() >= 0.75);
    CHECK(f.search.run({}, target_value(id_of<accuracy>(), 0.75)) == stop_reason::target);
    CHECK(f.search.run({}, target_value(id_of<accuracy>(), 2.0)) == stop_reason::exhausted);
}

TEST_CASE("a target to minimise, and one that only an infeasible member reaches") {
    fixture f;
    CHECK(f.search.run({}, target_value(id_of<latency_p99>("edge"), 400.0)) == stop_reason::target);
    fixture strict;
    study s(strict.space, strict.judge, strict.strategy, toy::edge_goals("<= 1s", "<= 17"), {},
            strict.size, strict.latency);
    CHECK(s.run({.evaluations = 5}, target_value(id_of<accuracy>(), 0.1)) != stop_reason::target);
    // Values keep the limit, intervals do not: undecided is not reached.
    study undecided(strict.space, strict.judge, strict.strategy,
                    toy::edge_goals("<= 361ns", "<= 100000"), {}, strict.size, strict.latency);
    CHECK(undecided.run({}, target_value(id_of<accuracy>(), 0.5)) == stop_reason::exhausted);
}

TEST_CASE("a front that no longer grows ends the run, after as many steps as were given") {
    // All are equally good, so the front is the smallest member so far.
    const toy::space space(20, 20);
    toy::size_model size;
    toy::latency_model latency;
    auto judge = evaluator_of<accuracy>([](const candidate&) { return 0.6; });
    toy::optimizer strategy(space);
    study search(space, judge, strategy, toy::edge_goals("<= 1s", "<= 100000"),
                 {.batch = 4, .reference = {}}, size, latency);
    std::size_t steps = 0;
    std::size_t last_change = 0;
    std::vector<std::uint64_t> front;
    const auto why = search.run({}, hypervolume_stall({0.4, 1e9}, 5), [&](const step_record& r) {
        steps = r.step;
        if (search.ledger().front() != front) {
            front = search.ledger().front();
            last_change = r.step;
        }
        return next_step::go_on;
    });
    CHECK(why == stop_reason::stall);
    CHECK(last_change > 1);
    CHECK(steps == last_change + 5);
    // Any growth below a tenth of the volume counts as none.
    fixture impatient;
    CHECK(impatient.search.run({}, hypervolume_stall({0.4, 1e9}, 1, 0.1)) == stop_reason::stall);
    CHECK(impatient.search.ledger().trials().size() < 40);
    // Nothing is better than this reference: no volume, nothing to stall.
    fixture waiting;
    CHECK(waiting.search.run({.steps = 8}, hypervolume_stall({5.0, 1.0}, 1)) == stop_reason::steps);
}

TEST_CASE("a request from outside ends the run, even before its first step") {
    fixture f;
    std::stop_source source;
    const auto why =
        f.search.run({}, stop_request(source.get_token()), [&](const step_record& r) {
            if (r.step == 2) source.request_stop();
            return next_step::go_on;
        });
    CHECK(why == stop_reason::requested);
    CHECK(f.search.ledger().trials().size() == 8);
    CHECK(f.search.run({}, stop_request(source.get_token())) == stop_reason::requested);
    CHECK(f.search.ledger().trials().size() == 8);
}

TEST_CASE("rules combine: the first that holds ends the run, one's own included") {
    fixture f;
    const auto enough_trials = [](const step_record& r, const study_ledger&) {
        return r.trials >= 8 ? stop_reason::target : stop_reason::running;
    };
    CHECK(f.search.run({.steps = 5}, hypervolume_stall({0.4, 1e9}, 50), enough_trials) ==
          stop_reason::target);
    CHECK(f.search.ledger().trials().size() == 8);
    CHECK(f.search.run({.wall_time = std::chrono::duration<double>(0)}, enough_trials) ==
          stop_reason::wall_time);
}

TEST_CASE("rules that cannot hold are refused by name") {
    fixture f;
    CHECK_THROWS_WITH(f.search.run({}, target_value(id_of<latency_p99>("cloud"), 1.0)),
                      Contains("latency_p99@cloud is no objective"));
    CHECK_THROWS_WITH(f.search.run({}, hypervolume_stall({1.0}, 3)),
                      Contains("1 numbers for 2 objectives"));
    CHECK(f.search.ledger().trials().empty());
    const double nan = std::numeric_limits<double>::quiet_NaN();
    CHECK_THROWS_AS(target_value(id_of<accuracy>(), nan), error);
    CHECK_THROWS_AS(hypervolume_stall({0.1, nan}, 3), error);
    CHECK_THROWS_AS(hypervolume_stall({0.1, 0.2}, 0), error);
    CHECK_THROWS_AS(hypervolume_stall({0.1, 0.2}, 1, -0.5), error);
}

TEST_CASE("refusals end a run beyond their bound, which may be as large as can be written") {
    constexpr std::size_t any = std::numeric_limits<std::size_t>::max();
    const auto why = [](std::size_t bound, std::size_t evaluations, std::size_t refusals) {
        return why_stop({.evaluations = any, .refusals = bound}, {evaluations, refusals, 0, {}, 0});
    };
    CHECK(why(10, 2, 17) == stop_reason::running);
    CHECK(why(10, 2, 18) == stop_reason::refusals);
    CHECK(why(0, 0, 0) == stop_reason::refusals);
    CHECK(why(any, 1, 1'000'000) == stop_reason::running);
}

TEST_CASE("every reason has a name of its own") {
    std::set<std::string_view> names;
    for (int r = 0; r <= static_cast<int>(stop_reason::stall); ++r) {
        names.insert(to_string(static_cast<stop_reason>(r)));
    }
    CHECK(names.size() == static_cast<std::size_t>(stop_reason::stall) + 1);
    CHECK_FALSE(names.contains(""));
}

}  // namespace
}  // namespace lathe
