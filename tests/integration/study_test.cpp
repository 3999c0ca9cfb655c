// SPDX-License-Identifier: Apache-2.0
// The whole way in one process: train a supernet, measure its members, search, choose, export.
#include <catch2/catch.hpp>

#include <cmath>
#include <set>

#include "lathe/core/error.hpp"
#include "lathe/cost_model/measured_latency.hpp"
#include "lathe/cost_model/program_cost.hpp"
#include "lathe/data/glyphs.hpp"
#include "lathe/data/split.hpp"
#include "lathe/engine/compile.hpp"
#include "lathe/engine/executor.hpp"
#include "lathe/engine/network_timing.hpp"
#include "lathe/evaluator/function.hpp"
#include "lathe/evaluator/supernet.hpp"
#include "lathe/optimizer/nsga2.hpp"
#include "lathe/search/study.hpp"
#include "lathe/search_space/chain_space.hpp"
#include "lathe/store/memory_store.hpp"
#include "lathe/supernet/trainer.hpp"
#include "reference/layout.hpp"
#include "reference/onnx_judge.hpp"

using namespace lathe;
using Catch::Matchers::Contains;

namespace {

// What would outlive a temporary space does not compile.
template <class Space>
concept TakesTemporary = requires(Space space) { domain_of(std::move(space)); } ||
                         requires(Space space) { sandwich(std::move(space)); } ||
                         requires(Space space) { uniform_members(std::move(space)); };
static_assert(!TakesTemporary<chain_space>);

const metric_id p50_at_edge = id_of<latency_p50>("edge");

chain_space small_space() {
    return chain_space(
        {.layers = {conv_layer{"c1", {8, 16, 24}, {3, 5}, 2}, depthwise_layer{"d2", {3, 5, 7}, 2},
                    conv_layer{"c3", {16, 32, 48, 64}, {1}}, depthwise_layer{"d4", {3, 5}},
                    conv_layer{"c5", {16, 32, 48, 64}, {1, 3}}}});
}

/// Generated images in the parts that a search needs.
struct small_data {
    image_data data = make_glyphs({.train = 900, .test = 10, .seed = 4});
    data_split parts = split_indices(data.train.size(), 150, 250, 1);
    normalization scale = measure_normalization(data.train, parts.train);

    [[nodiscard]] batch_reader reader(const std::vector<std::uint32_t>& part,
                                      batch_order order) const {
        return {data.train, part, scale, {.batch = 50, .order = order, .changes = {}}};
    }
};

weight_store train(const chain_space& space, const small_data& data) {
    weight_store weights(1);
    weights.add(space.lower(space.largest()));
    training_settings settings;
    settings.steps = 40;
    const training_report report =
        train_supernet(weights, sandwich(space, 1),
                       data.reader(data.parts.train, batch_order::training), settings);
    CHECK(report.complete);
    CHECK(report.last.step == 40);
    CHECK(std::isfinite(report.last.loss_first));
    return weights;
}

/// Times networks quickly and counts the calls.
struct quick_timer {
    int* calls;

    measurement operator()(std::span<const network> nets, const deployment& d) const {
        ++*calls;
        timing_options options;
        options.samples = 40;
        options.rounds = 10;
        options.min_warm_up_seconds = 0.005;
        options.max_warm_up_seconds = 0.05;
        return time_networks(nets, d, options);
    }
};

auto edge_goals(std::string_view memory_limit, std::string_view latency_limit) {
    return typed_goals<>()
        .in("edge", {.batch = 1, .threads = 1})
        .optimize<accuracy>()
        .optimize<latency_p50>("edge")
        .limit<peak_memory>("edge", memory_limit)
        .limit<latency_p50>("edge", latency_limit);
}

/// Everything that a study of the trained supernet is made of.
struct workshop {
    chain_space space = small_space();
    small_data data;
    weight_store weights = train(space, data);
    image_batches recalibration{data.reader(data.parts.recalibration, batch_order::evaluation)};
    image_batches validation{data.reader(data.parts.validation, batch_order::evaluation)};
    supernet_evaluator judge{weights, recalibration, validation, {.recalibration_batch = 150}};
    int timings = 0;
    program_cost<program (*)(const network&, const deployment&)> memory{compile};
    measured_latency<quick_timer> latency{quick_timer{&timings}};

    auto make_study(nsga2& strategy, std::string_view memory_limit = "<= 90%",
                    std::string_view latency_limit = "<= 80%") {
        return study(space, judge, strategy, edge_goals(memory_limit, latency_limit), {}, memory,
                     latency);
    }
};

double value_of(const trial& t, const metric_id& id) {
    const estimate e = find_metric(t.metrics, id);
    REQUIRE(e.known());
    return e.value;
}

/// Is `a` at least as good as `b` in both objectives and better in one?
bool dominates(const trial& a, const trial& b) {
    const double quality = value_of(a, id_of<accuracy>()) - value_of(b, id_of<accuracy>());
    const double gain = value_of(b, p50_at_edge) - value_of(a, p50_at_edge);
    return quality >= 0.0 && gain >= 0.0 && (quality > 0.0 || gain > 0.0);
}

void check_front(const study_ledger& ledger) {
    const auto front = ledger.front();
    const std::set<std::uint64_t> on_front(front.begin(), front.end());
    CHECK(front.size() >= 2);
    for (const trial& t : ledger.trials()) {
        INFO("trial " << t.id);
        const bool keeps =
            ledger.verdict_of(t) == verdict::feasible || ledger.verdict_of(t) == verdict::undecided;
        const bool beaten =
            keeps && std::ranges::any_of(ledger.trials(), [&](const trial& other) {
                return ledger.verdict_of(other) != verdict::infeasible && dominates(other, t);
            });
        CHECK(on_front.contains(t.id) == (keeps && !beaten));
    }
}

/// The chosen network as a case for ONNX Runtime, with what the executor computes.
void add_case(reference::onnx_judge& onnx, workshop& shop, const network& net) {
    const auto statistics = shop.judge.calibrate(net);
    const auto& type = net.at(net.inputs()[0]).type;
    constexpr std::int32_t images = 14;
    executor run(net, shop.weights.reader(), statistics, {.batch = images});
    const auto pixels = shop.validation.at(28, 28).first(run.input().size());
    std::ranges::copy(pixels, run.input().begin());
    run.run();
    onnx.add("chosen", to_onnx(net, shop.weights.reader(), statistics),
             reference::channels_first(type, images, pixels), run.output());
}

using searched_study = study<chain_space, supernet_evaluator, nsga2, decltype(workshop::memory),
                             decltype(workshop::latency)>;

/// The choice keeps its limits, and ONNX Runtime computes what the executor does.
void check_choice(workshop& shop, const searched_study& searched) {
    fresh_latency<quick_timer> fresh{quick_timer{&shop.timings}};
    const scenario_choice choice = searched.choose(fresh).at(0);
    INFO(choice.explanation);
    REQUIRE(choice.chosen());
    REQUIRE(choice.limits.size() == 2);
    for (const limit_result& l : choice.limits) {
        CHECK(l.margin >= 0.0);
        CHECK(l.value.high <= l.bound.value);
    }
    const network net = shop.space.lower(choice.member->genes);
    const double bytes = static_cast<double>(compile(net, {}).peak_memory().value);
    CHECK(choice.limits[0].value.value == bytes);
    CHECK(choice.limits[0].bound.value ==
          0.9 * static_cast<double>(
                    compile(shop.space.lower(shop.space.largest()), {}).peak_memory().value));

    if (!reference::onnx_judge::available()) {
        WARN("without ONNX Runtime: there is no " << reference::onnx_judge::python()
                                                  << "; tests/run.sh makes it");
        return;
    }
    reference::onnx_judge onnx("chosen_network");
    add_case(onnx, shop, net);
    CHECK(onnx.ask().text == "1 of 1 agree\n");
}

/// The recorded metrics and the seed give the same front, and nothing is measured.
void check_replay(workshop& shop, const memory_store& recorded, const nsga2& strategy,
                  const study_ledger& ledger) {
    memory_store store(recorded.events());
    const int timings = shop.timings;
    int judged = 0;
    auto recorded_only = evaluator_of<accuracy>([&](const candidate&) {
        ++judged;
        return 0.5;
    });
    nsga2 same(domain_of(shop.space), {.seed = 3, .population = 8});
    study again(shop.space, recorded_only, same, edge_goals("<= 90%", "<= 80%"), {}, shop.memory,
                shop.latency);
    again.keep_in(store);
    CHECK(again.run({.evaluations = 24}) == stop_reason::evaluations);
    CHECK(std::ranges::equal(again.ledger().trials(), ledger.trials()));
    CHECK(again.ledger().front() == ledger.front());
    CHECK(same.state() == strategy.state());
    CHECK(judged == 0);
    CHECK(shop.timings == timings);

    nsga2 other(domain_of(shop.space), {.seed = 4, .population = 8});
    auto elsewhere = shop.make_study(other);
    CHECK_THROWS_AS(elsewhere.keep_in(store), error);
}

/// A limit that nothing keeps ends the search and is named.
void check_infeasible(workshop& shop) {
    nsga2 hopeless(domain_of(shop.space), {.seed = 3, .population = 8});
    auto refused = shop.make_study(hopeless, "<= 1KiB", "<= 80%");
    CHECK(refused.run({.evaluations = 24, .refusals = 40}) == stop_reason::refusals);
    CHECK(refused.ledger().front().empty());
    const scenario_choice choice = refused.choose().at(0);
    CHECK(choice.verdict == verdict::infeasible);
    CHECK_THAT(choice.explanation, Contains("tightest: peak_memory@edge <= 1 KiB"));
    REQUIRE(choice.member);
    for (const trial& t : refused.ledger().trials()) {
        CHECK(value_of(t, id_of<peak_memory>("edge")) >=
              value_of(*choice.member, id_of<peak_memory>("edge")));
    }
}

}  // namespace

TEST_CASE("from images and limits to a chosen network in ONNX") {
    workshop shop;
    memory_store store;
    nsga2 strategy(domain_of(shop.space), {.seed = 3, .population = 8});
    auto searched = shop.make_study(strategy);
    searched.keep_in(store);
    CHECK(searched.run({.evaluations = 24}) == stop_reason::evaluations);
    const study_ledger& ledger = searched.ledger();
    CHECK(ledger.count(trial_status::evaluated) == 24);
    CHECK(ledger.count(trial_status::failed) == 0);
    check_front(ledger);

    check_choice(shop, searched);
    check_replay(shop, store, strategy, ledger);
    check_infeasible(shop);
}
