// SPDX-License-Identifier: Apache-2.0
// Training by several ranks, here threads; tests/distributed has the same ranks as processes.
#include <catch2/catch.hpp>
#include <cmath>
#include <limits>
#include <stdexcept>

#include "engine/kernels/loss.hpp"
#include "format/failure.hpp"
#include "lathe/supernet/checkpoint.hpp"
#include "supernet/thread_ranks.hpp"
#include "supernet/training_ranks.hpp"
#include "support/temporary_folder.hpp"

using namespace lathe;
using test::on_ranks;
using test::quick_ranks;
using test::train_small;

namespace {

std::vector<test::trained> train_on_ranks(int size, const training_settings& settings) {
    std::vector<test::trained> all;
    for (auto& result : on_ranks(size, [&](test::thread_rank& rank) {
             return train_small(rank, settings);
         })) {
        all.push_back(result.get());
    }
    return all;
}

/// Both errors of two ranks of which one throws `cause` in a probe, a sampler or a data set.
template <class Train>
void check_failure_reaches_the_other(int failing, Train train) {
    auto results = on_ranks(2, [&](test::thread_rank& rank) { train(rank, rank.rank() == failing); });
    const auto failed = static_cast<std::size_t>(failing);
    CHECK_THROWS_WITH(results[failed].get(), "the disk is on fire");
    CHECK_FAILS(results[1 - failed].get(), errc::io,
                "rank " + std::to_string(failing) + " of 2 has failed");
}

}  // namespace

TEST_CASE("a communicator by reference is one rank, or whatever it refers to") {
    const communicator_ref alone;
    CHECK(alone.rank() == 0);
    CHECK(alone.size() == 1);
    float value = 3.0F;
    alone.all_reduce_sum({&value, 1});
    alone.broadcast(std::as_writable_bytes(std::span(&value, 1)));
    CHECK(value == 3.0F);
    for (auto& result : on_ranks(3, [](test::thread_rank& rank) {
             const communicator_ref peers(rank);
             std::vector<float> values{1.0F, static_cast<float>(peers.rank())};
             peers.all_reduce_sum(values);
             peers.broadcast(std::as_writable_bytes(std::span(values).last(1)));
             return values[0] == static_cast<float>(peers.size()) && values[1] == 3.0F;
         })) {
        CHECK(result.get());
    }
}

TEST_CASE("gradients of any size become their mean over the ranks") {
    // More than one bucket of 2^20 floats, tensors over its edges, and one that was not used.
    const std::map<std::string, std::int64_t> sizes{
        {"a", 3}, {"b", 1'500'000}, {"c", 0}, {"d", 1'200'000}, {"unused", 10}};
    const int ranks = 3;
    const auto value = [](int rank, std::int64_t i) {
        return static_cast<float>((i * 7 + rank * 13) % 101) - 50.0F;
    };
    auto stores = on_ranks(ranks, [&](test::thread_rank& rank) {
        weight_store store(1);
        for (const auto& [name, size] : sizes) {
            weight_tensor& t = store.tensors()[name];
            t.shape = {size};
            for (std::int64_t i = 0; i < size; ++i) t.gradient.push_back(value(rank.rank(), i));
            if (name != "unused") t.used.push_back(param_region{{{{0, size}}}, {size}});
        }
        training_ranks team{communicator_ref(rank)};
        if (!team.average_gradients(store, true)) throw std::logic_error("all were finite");
        const auto before = store.tensors().at("a").gradient;
        if (team.average_gradients(store, rank.rank() != 1)) throw std::logic_error("one was not");
        if (store.tensors().at("a").gradient != before) throw std::logic_error("touched");
        return store;
    });
    for (int rank = 0; rank < ranks; ++rank) {
        const weight_store store = stores[static_cast<std::size_t>(rank)].get();
        std::int64_t wrong = 0;
        for (const auto& [name, size] : sizes) {
            for (std::int64_t i = 0; i < size; ++i) {
                const float sum = value(0, i) + value(1, i) + value(2, i);
                const float expected = name == "unused" ? value(rank, i) : sum * (1.0F / 3.0F);
                wrong += store.tensors().at(name).gradient[static_cast<std::size_t>(i)] != expected;
            }
        }
        CHECK(wrong == 0);
    }
}

TEST_CASE("a step of two ranks is a step on the mean gradient of their two batches") {
    const auto space = test::small_space();
    const test::small_data data(320);
    auto settings = quick_ranks(1);
    settings.warm_up = 0.0;
    settings.clip_norm = 0.5F;
    settings.others = teaching::labels;
    settings.precision = precision::f32;
    const auto sampler = sandwich(space, 1);
    auto results = on_ranks(2, [&](test::thread_rank& rank) {
        weight_store weights(1);
        (void)train_supernet(weights, sampler, data.reader(16), settings, {}, {}, rank);
        return weights;
    });

    weight_store expected(1);
    const auto nets = sampler(rng(settings.seed).child("subnets", 0));
    for (const auto& net : nets) expected.add(net);
    expected.start_step();
    training_pass pass(1);
    batch_reader reader = data.reader(16);
    for (const std::uint64_t step : {0U, 1U}) {
        std::vector<float> images(16 * reader.shape().elements());
        std::vector<std::int32_t> labels(16);
        (void)reader.read({0, step}, images, labels);
        for (const auto& net : nets) {
            expected.use(net);
            const auto& dims = net.at(net.inputs()[0]).type.dims;
            const image_shape to{static_cast<std::int32_t>(dims[2].size()),
                                 static_cast<std::int32_t>(dims[3].size()), 1};
            std::vector<float> scaled(16 * to.elements());
            resize_bilinear(images, 16, reader.shape(), scaled, to);
            const auto logits = pass.forward(net, expected.access(), scaled, 16);
            std::vector<float> gradient(logits.size());
            (void)kernels::softmax_cross_entropy({16, 10}, logits.data(), labels.data(),
                                                 settings.label_smoothing, gradient.data());
            pass.backward(gradient);
        }
    }
    for (auto& [name, t] : expected.tensors()) {
        for (float& g : t.gradient) g *= 0.5F;
    }
    CHECK(expected.gradient_norm() > settings.clip_norm);
    const weight_store before = expected;
    expected.apply({settings.learning_rate, settings.momentum, settings.weight_decay,
                    settings.clip_norm});

    const weight_store first = results[0].get();
    CHECK(first.content_hash() == results[1].get().content_hash());
    double moved = 0.0;
    double apart = 0.0;
    for (const auto& [name, t] : expected.tensors()) {
        for (std::size_t i = 0; i < t.value.size(); ++i) {
            const double to = t.value[i];
            moved += std::pow(to - before.tensors().at(name).value[i], 2);
            apart += std::pow(to - first.tensors().at(name).value[i], 2);
        }
    }
    CHECK(moved > 1e-4);
    CHECK(std::sqrt(apart / moved) < 1e-4);
}

TEST_CASE("after 20 steps all ranks have the same bits, and again the same in a second run") {
    std::vector<hash64> of_size;
    for (const int size : {1, 2, 3}) {
        CAPTURE(size);
        const auto ranks = train_on_ranks(size, quick_ranks(20));
        for (const auto& rank : ranks) {
            CHECK(rank.weights == ranks.front().weights);
            CHECK(rank.report.complete);
            CHECK(rank.report.last.step == 20);
            CHECK(rank.report.last.epoch == Approx(20.0 / (20 / size)));
            CHECK(std::isfinite(rank.report.last.loss_last));
        }
        of_size.push_back(ranks.front().weights);
        CHECK(train_on_ranks(size, quick_ranks(20)).back().weights == ranks.front().weights);
    }
    CHECK(of_size[0] == train_small({}, quick_ranks(20)).weights);
    CHECK(of_size[0] != of_size[1]);
    CHECK(of_size[1] != of_size[2]);
}

TEST_CASE("by the clock all ranks end at the same step") {
    auto settings = quick_ranks(0);
    settings.seconds = 0.4;
    const auto ranks = train_on_ranks(2, settings);
    CHECK(ranks[0].report.complete);
    CHECK(ranks[1].report.complete);
    CHECK(ranks[0].report.last.step > 0);
    CHECK(ranks[0].report.last.step == ranks[1].report.last.step);
    CHECK(ranks[0].report.last.seconds == ranks[1].report.last.seconds);
    CHECK(ranks[0].weights == ranks[1].weights);
}

TEST_CASE("a stop request to one rank stops all after the same step, and they go on from there") {
    const auto uninterrupted = train_on_ranks(2, quick_ranks(8));
    const temporary_folder folder;
    auto settings = quick_ranks(8);
    settings.checkpoint = folder / "weights.safetensors";
    auto stopped = on_ranks(2, [&](test::thread_rank& rank) {
        std::stop_source stop;
        return train_small(
            rank, settings,
            [&](const training_progress& p) {
                if (rank.rank() == 1 && p.step == 3) stop.request_stop();
            },
            stop.get_token());
    });
    for (auto& result : stopped) {
        const auto report = result.get().report;
        CHECK_FALSE(report.complete);
        CHECK(report.last.step == 3);
    }
    CHECK(load_checkpoint(settings.checkpoint).state.step == 3);
    for (const auto& rank : train_on_ranks(2, settings)) {
        CHECK(rank.report.complete);
        CHECK(rank.weights == uninterrupted.front().weights);
    }
    CHECK_FAILS(train_small({}, settings), errc::bad_input, "number of ranks");
}

TEST_CASE("what is not finite on one rank rolls back all") {
    const auto space = test::small_space();
    const test::small_data data(320);
    const auto sampler = sandwich(space, 1);
    auto results = on_ranks(2, [&](test::thread_rank& rank) {
        weight_store weights(1);
        int calls = 0;  // one before the first step
        const subnet_sampler saboteur = [&](rng random) {
            if (calls++ == 4 && rank.rank() == 1) {
                auto& first = weights.tensors().begin()->second;
                first.value[0] = std::numeric_limits<float>::quiet_NaN();
            }
            return sampler(random);
        };
        auto report = train_supernet(weights, saboteur, data.reader(16), quick_ranks(8), {}, {}, rank);
        return test::trained{weights.content_hash(), std::move(report)};
    });
    const auto first = results[0].get();
    const auto second = results[1].get();
    CHECK(first.report.complete);
    CHECK(first.report.last.roll_backs == 1);
    CHECK(second.report.last.roll_backs == 1);
    CHECK(first.weights == second.weights);
}

TEST_CASE("the fourth roll-back ends all ranks with the same error") {
    auto settings = quick_ranks(200);
    settings.learning_rate = 1e30F;
    settings.clip_norm = 0.0F;
    settings.warm_up = 0.0;
    for (auto& result : on_ranks(2, [&](test::thread_rank& rank) {
             return train_small(rank, settings);
         })) {
        CHECK_FAILS(result.get(), errc::numeric, "learning_rate");
    }
}

TEST_CASE("what one rank throws ends the others, wherever it comes from") {
    const auto space = test::small_space();
    const test::small_data data(320);
    const auto burn = [] { throw std::runtime_error("the disk is on fire"); };
    for (const int failing : {0, 1}) {
        CAPTURE(failing);
        check_failure_reaches_the_other(failing, [&](test::thread_rank& rank, bool fails) {
            (void)train_small(rank, quick_ranks(6), [&](const training_progress& p) {
                if (fails && p.step == 2) burn();
            });
        });
        for (const int at_call : {0, 1, 3}) {  // call 0 is before the first step
            check_failure_reaches_the_other(failing, [&](test::thread_rank& rank, bool fails) {
                int calls = 0;
                weight_store weights(1);
                const subnet_sampler sampler = [&](rng random) {
                    if (calls++ == at_call && fails) burn();
                    return sandwich(space, 1)(random);
                };
                (void)train_supernet(weights, sampler, data.reader(16), quick_ranks(6), {}, {}, rank);
            });
        }
        check_failure_reaches_the_other(failing, [&](test::thread_rank& rank, bool fails) {
            int reads = 0;
            const function_dataset images(
                320, {16, 16, 1}, 10, [&](std::uint32_t, std::span<std::uint8_t> image) {
                    if (fails && ++reads > 50) burn();
                    std::ranges::fill(image, std::uint8_t{1});
                    return 1;
                });
            weight_store weights(1);
            const batch_reader reader(images, data.everything, data.scale, {.batch = 16});
            (void)train_supernet(weights, sandwich(space, 1), reader, quick_ranks(6), {}, {}, rank);
        });
    }
}

TEST_CASE("a checkpoint that cannot be written ends all ranks") {
    const temporary_folder folder;
    auto settings = quick_ranks(2);
    settings.checkpoint = folder / "none/weights.safetensors";
    auto results = on_ranks(
        2, [&](test::thread_rank& rank) { return train_small(rank, settings); });
    CHECK_FAILS(results[0].get(), errc::io, "none", "No such file");
    CHECK_FAILS(results[1].get(), errc::io, "rank 0 of 2 has failed");
}

TEST_CASE("ranks that differ are refused by all before the first step") {
    const auto space = test::small_space();
    const test::small_data data(320);
    const auto refused = [&](auto train) {
        for (auto& result : on_ranks(3, train)) {
            CHECK_FAILS(result.get(), errc::bad_input, "rank 2 has other settings, images");
        }
    };
    refused([&](test::thread_rank& rank) {
        auto settings = quick_ranks(5);
        if (rank.rank() == 2) settings.momentum = 0.8F;
        return train_small(rank, settings);
    });
    refused([&](test::thread_rank& rank) {
        weight_store weights(rank.rank() == 2 ? 2 : 1);
        (void)train_supernet(weights, sandwich(space, 1), data.reader(16), quick_ranks(5), {}, {}, rank);
        return 0;
    });
    refused([&](test::thread_rank& rank) {
        const test::small_data other(320, rank.rank() == 2 ? 4 : 3);
        weight_store weights(1);
        (void)train_supernet(weights, sandwich(space, 1), other.reader(16), quick_ranks(5), {}, {}, rank);
        return 0;
    });
}
