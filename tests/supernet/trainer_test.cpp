// SPDX-License-Identifier: Apache-2.0
#include "lathe/supernet/trainer.hpp"

#include <catch2/catch.hpp>
#include <cmath>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <limits>
#include <sys/wait.h>
#include <unistd.h>

#include "lathe/core/error.hpp"
#include "lathe/supernet/checkpoint.hpp"
#include "supernet/support.hpp"
#include "support/temporary_folder.hpp"

using namespace lathe;
namespace fs = std::filesystem;

namespace {

training_settings quick(std::int64_t steps) {
    training_settings s;
    s.steps = steps;
    s.threads = 2;
    s.learning_rate = 0.1F;
    return s;
}

hash64 train_with(const subnet_sampler& sampler, const training_settings& s,
                  std::int64_t stop_after) {
    const test::small_data data(320);
    weight_store weights(1);
    std::stop_source stop;
    const auto report = train_supernet(
        weights, sampler, data.reader(32), s,
        [&](const training_progress& p) {
            if (p.step == stop_after) stop.request_stop();
        },
        stop.get_token());
    CHECK(report.complete == (stop_after < 0));
    return weights.content_hash();
}

hash64 train(const training_settings& s, std::int64_t stop_after = -1, int random_members = 1) {
    const auto space = test::small_space();
    return train_with(sandwich(space, random_members), s, stop_after);
}

}  // namespace

TEST_CASE("training lowers the loss of the largest and the smallest member") {
    auto settings = quick(120);
    settings.precision = GENERATE(precision::f32, precision::automatic);
    settings.matrix_rate = GENERATE(0.0F, 0.02F);
    const auto space = test::small_space();
    // A bright square in one of ten places: the place is the class.
    const function_dataset squares(
        640, {28, 28, 1}, 10, [](std::uint32_t index, std::span<std::uint8_t> image) {
            rng random(index);
            for (auto& pixel : image) pixel = static_cast<std::uint8_t>(random.below(96));
            const std::size_t place = index % 10;
            const std::size_t corner = (4 + 12 * (place / 5)) * 28 + 1 + 5 * (place % 5);
            for (std::size_t i = 0; i < 25; ++i) image[corner + i / 5 * 28 + i % 5] = 220;
            return static_cast<std::int32_t>(place);
        });
    std::vector<std::uint32_t> all(squares.size());
    std::iota(all.begin(), all.end(), 0U);
    const batch_reader reader(squares, all, measure_normalization(squares, all), {.batch = 32, .changes = {}});
    weight_store weights(1);
    training_progress early;
    const auto report = train_supernet(weights, sandwich(space), reader, settings,
                                       [&](const training_progress& p) {
                                           if (p.step == 5) early = p;
                                       });
    CHECK(report.complete);
    CHECK(report.last.step == 120);
    CHECK(report.last.loss_first < 0.7 * early.loss_first);
    CHECK(report.last.loss_last < 0.9 * early.loss_last);
    CHECK(report.last.accuracy_first > 0.8);
    CHECK(report.passes.kernel_seconds > 0.0);
    CHECK(report.passes.kernel_seconds <= report.last.seconds);
}

TEST_CASE("the same settings give the same bits, another seed does not") {
    auto settings = quick(6);
    settings.matrix_rate = GENERATE(0.0F, 0.02F);
    auto other = settings;
    other.seed = 2;
    const auto first = train(settings);
    CHECK(first == train(settings));
    CHECK(first != train(other));
}

TEST_CASE("random members join after the share in which the ends train alone") {
    auto s = quick(8);
    s.ends_alone = 0.5;
    CHECK(train(s, 4, 2) == train(s, 4, 0));
    CHECK(train(s, 5, 2) != train(s, 5, 0));
}

TEST_CASE("training begins on images of three quarters of the size") {
    auto s = quick(8);
    s.small_images = 0.5;
    const auto space = test::small_space();
    const auto smaller = [&](rng random) {
        auto nets = sandwich(space, 1)(random);
        for (auto& net : nets) {
            const bool large = net.at(net.inputs().front()).type.dims[2].size() == 16;
            net = large ? with_image_size(net, 12, 12) : with_image_size(net, 11, 11);
        }
        return nets;
    };
    CHECK(train(s, 4) == train_with(smaller, quick(8), 4));
    CHECK(train(s, 5) != train_with(smaller, quick(8), 5));
}

TEST_CASE("a stopped training continues to the same weights") {
    auto s = quick(8);
    s.ends_alone = GENERATE(0.0, 0.5);
    s.small_images = s.ends_alone;
    s.matrix_rate = static_cast<float>(0.02 * s.ends_alone);
    const auto uninterrupted = train(s);
    const temporary_folder folder;
    s.checkpoint = folder / "weights.safetensors";
    (void)train(s, 2);
    (void)train(s, 5);
    CHECK(train(s) == uninterrupted);
}

// Run by the next test in a process of its own: it is killed in the middle.
TEST_CASE("child that trains until it is killed", "[.child]") {
    auto s = quick(60);
    s.checkpoint = std::getenv("LATHE_TEST_CHECKPOINT");
    s.checkpoint_seconds = 0.0;
    (void)train(s);
}

TEST_CASE("training goes on after kill -9 to the same weights") {
    const temporary_folder folder;
    auto s = quick(60);
    s.checkpoint = folder / "weights.safetensors";
    REQUIRE(setenv("LATHE_TEST_CHECKPOINT", s.checkpoint.c_str(), 1) == 0);
    const pid_t child = fork();
    REQUIRE(child >= 0);
    if (child == 0) {
        char self[] = "/proc/self/exe";
        char name[] = "child that trains until it is killed";
        char* arguments[] = {self, name, nullptr};
        execv(self, arguments);
        _exit(127);
    }
    const auto begun = [&] {
        return fs::exists(s.checkpoint) && load_checkpoint(s.checkpoint).state.step > 0;
    };
    for (int wait = 0; wait < 3000 && !begun(); ++wait) usleep(10'000);
    REQUIRE(begun());
    usleep(30'000);
    kill(child, SIGKILL);
    int status = 0;
    waitpid(child, &status, 0);
    REQUIRE(WIFSIGNALED(status));
    const auto kept = load_checkpoint(s.checkpoint).state;
    CHECK(kept.step > 0);
    CHECK(kept.step < 60);
    CHECK(train(s) == train(quick(60)));
}

TEST_CASE("a checkpoint of other settings or of another kind is refused") {
    const temporary_folder folder;
    auto s = quick(2);
    s.checkpoint = folder / "weights.safetensors";
    (void)train(s);
    auto other = s;
    other.learning_rate = 0.3F;
    CHECK_THROWS_WITH(train(other), Catch::Contains("other settings"));
    other = s;
    other.matrix_rate = 0.03F;
    CHECK_THROWS_WITH(train(other), Catch::Contains("other settings"));
}

TEST_CASE("a checkpoint of other images is refused") {
    const temporary_folder folder;
    auto s = quick(2);
    s.checkpoint = folder / "weights.safetensors";
    const auto space = test::small_space();
    const auto train_on = [&](const test::small_data& data) {
        weight_store weights(1);
        (void)train_supernet(weights, sandwich(space, 1), data.reader(32), s);
    };
    const test::small_data images(320);
    const test::small_data others(320, 4);
    train_on(images);
    train_on(images);
    CHECK_THROWS_WITH(train_on(others), Catch::Contains("other settings, data or space"));
}

TEST_CASE("a value that is not finite rolls back and training goes on") {
    const auto space = test::small_space();
    const test::small_data data(320);
    weight_store weights(1);
    const auto sampler = sandwich(space, 1);
    int step = 0;
    // The sampler is called once before the first step.
    const subnet_sampler saboteur = [&](rng random) {
        if (step++ == 4) {
            weights.tensors().begin()->second.value[0] = std::numeric_limits<float>::quiet_NaN();
        }
        return sampler(random);
    };
    const auto report = train_supernet(weights, saboteur, data.reader(32), quick(8));
    CHECK(report.complete);
    CHECK(report.last.roll_backs == 1);
    for (const auto& [name, t] : weights.tensors()) {
        for (const float v : t.value) CHECK(std::isfinite(v));
    }
}

TEST_CASE("training that cannot be saved ends with a named error") {
    auto s = quick(200);
    s.learning_rate = 1e30F;
    s.clip_norm = 0.0F;
    s.warm_up = 0.0;
    try {
        (void)train(s);
        FAIL("training with a learning rate of 1e30 went through");
    } catch (const error& e) {
        CHECK(e.code() == errc::numeric);
        CHECK_THAT(e.what(), Catch::Contains("learning_rate"));
    }
}

TEST_CASE("settings out of range are refused by name") {
    const auto refused = [](auto change) {
        auto s = quick(1);
        change(s);
        try {
            (void)train(s);
        } catch (const error& e) {
            CHECK(e.code() == errc::bad_input);
            return std::string(e.what());
        }
        return std::string();
    };
    CHECK_THAT(refused([](auto& s) { s.threads = 0; }), Catch::Contains("threads"));
    CHECK_THAT(refused([](auto& s) { s.seconds = 5; }), Catch::Contains("either seconds or steps"));
    CHECK_THAT(refused([](auto& s) { s.seconds = -5; }), Catch::Contains("seconds is -5"));
    CHECK_THAT(refused([](auto& s) { s.seconds = NAN; }), Catch::Contains("seconds is nan"));
    CHECK_THAT(refused([](auto& s) { s.steps = 0; }), Catch::Contains("steps"));
    CHECK_THAT(refused([](auto& s) { s.learning_rate = NAN; }), Catch::Contains("learning_rate"));
    CHECK_THAT(refused([](auto& s) { s.learning_rate = INFINITY; }), Catch::Contains("learning_rate"));
    CHECK_THAT(refused([](auto& s) { s.matrix_rate = NAN; }), Catch::Contains("matrix_rate"));
    CHECK_THAT(refused([](auto& s) { s.matrix_rate = -1.0F; }), Catch::Contains("matrix_rate"));
    CHECK_THAT(refused([](auto& s) { s.clip_norm = INFINITY; }), Catch::Contains("clip_norm"));
    CHECK_THAT(refused([](auto& s) { s.weight_decay = INFINITY; }), Catch::Contains("weight_decay"));
    CHECK_THAT(refused([](auto& s) { s.checkpoint_seconds = NAN; }), Catch::Contains("checkpoint_seconds"));
    CHECK_THAT(refused([](auto& s) { s.checkpoint_seconds = -1; }), Catch::Contains("checkpoint_seconds"));
    CHECK_THAT(refused([](auto& s) { s.momentum = 1.0F; }), Catch::Contains("momentum"));
    CHECK_THAT(refused([](auto& s) { s.ends_alone = 1.0; }), Catch::Contains("ends_alone is 1"));
    CHECK_THAT(refused([](auto& s) { s.ends_alone = NAN; }), Catch::Contains("ends_alone"));
    CHECK_THAT(refused([](auto& s) { s.small_images = 1.0; }),
               Catch::Contains("small_images is 1"));
    CHECK_THAT(refused([](auto& s) { s.small_images = NAN; }), Catch::Contains("small_images"));
    CHECK_THAT(refused([](auto& s) { s.label_smoothing = -1; }), Catch::Contains("label_smoothing"));
    CHECK_THAT(refused([](auto& s) { s.memory = -1; }), Catch::Contains("memory"));
}

TEST_CASE("networks that do not take the images are refused") {
    const auto refused = [](const tensor_type& input) {
        network_builder b;
        const auto in = b.input("in", input);
        b.output(b.add("logits", activation_op{activation::relu}, {in}), output_role::logits);
        const network net = std::move(b).build();
        try {
            (void)train_with([&](rng) { return std::vector{net}; }, quick(1), -1);
        } catch (const error& e) {
            CHECK(e.code() == errc::shape);
            return std::string(e.what());
        }
        return std::string();
    };
    CHECK_THAT(refused(image_type(1, 28, 28)), Catch::Contains("needs logits of (batch, classes)"));
    CHECK_THAT(refused(vector_type(256)), Catch::Contains("f32[batch,256]"));
    CHECK_THAT(refused(image_type(3, 16, 16)), Catch::Contains("images with 1 channels"));
}

TEST_CASE("a sampler must give networks, and a teacher needs pupils with its outputs") {
    const auto of_outputs = [](std::int64_t outputs) {
        network_builder b;
        const auto in = b.input("image", image_type(1, 28, 28));
        const auto mean = b.add("mean", global_pool_op{}, {in});
        const std::string n = std::to_string(outputs);
        b.output(b.add("logits",
                       linear_op{whole("weight" + n, {outputs, 1}), whole("bias" + n, {outputs})},
                       {mean}),
                 output_role::logits);
        return std::move(b).build();
    };
    auto s = quick(2);
    CHECK_THROWS_WITH(train_with([](rng) { return std::vector<network>{}; }, s, -1),
                      Catch::Contains("no network for step 0"));
    const auto unlike = [&](rng) { return std::vector{of_outputs(10), of_outputs(12)}; };
    CHECK_THROWS_WITH(train_with(unlike, s, -1),
                      Catch::Contains("12 outputs") && Catch::Contains("one of 10"));
    s.others = teaching::labels;
    CHECK_NOTHROW(train_with(unlike, s, -1));
}

TEST_CASE("a network is trained by its logits, not by its probabilities") {
    const auto with = [](output_role role) {
        network_builder b;
        const auto in = b.input("image", image_type(1, 28, 28));
        const auto mean = b.add("mean", global_pool_op{}, {in});
        b.output(b.add("classes", linear_op{whole("w", {10, 1}), whole("b", {10})}, {mean}), role);
        return std::vector{std::move(b).build()};
    };
    CHECK_NOTHROW(train_with([&](rng) { return with(output_role::logits); }, quick(1), -1));
    CHECK_THROWS_WITH(
        train_with([&](rng) { return with(output_role::probabilities); }, quick(1), -1),
        Catch::Contains("'classes'") && Catch::Contains("another role"));
}

TEST_CASE("a checkpoint that cannot be written shows before the first step") {
    const temporary_folder folder;
    const auto space = test::small_space();
    const test::small_data data(320);
    weight_store weights(1);
    auto s = quick(1000);
    s.checkpoint = folder / "not there" / "w.safetensors";
    bool stepped = false;
    CHECK_THROWS_AS(train_supernet(weights, sandwich(space, 0), data.reader(32), s,
                                   [&](const training_progress&) { stepped = true; }),
                    error);
    CHECK_FALSE(stepped);
    s.checkpoint = folder / std::string(300, 'x');
    CHECK_THROWS_WITH(train_supernet(weights, sandwich(space, 0), data.reader(32), s),
                      Catch::Contains("xxx"));
}

TEST_CASE("a tensor with the name of a momentum cannot be saved") {
    const temporary_folder folder;
    network_builder b;
    const auto in = b.input("image", image_type(1, 28, 28));
    const auto mean = b.add("mean", global_pool_op{}, {in});
    b.output(b.add("logits", linear_op{whole("velocity/w", {10, 1}), whole("b", {10})}, {mean}),
             output_role::logits);
    weight_store weights(1);
    weights.add(std::move(b).build());
    CHECK_THROWS_WITH(save_checkpoint(folder / "w.safetensors", weights, {}),
                      Catch::Contains("velocity/w"));
}

TEST_CASE("training keeps within its memory or does not begin") {
    const auto space = test::small_space();
    const auto sampler = sandwich(space, 0);
    const test::small_data data(320);
    auto s = quick(2);
    s.matrix_rate = GENERATE(0.0F, 0.02F);
    const std::int64_t needed = training_memory(sampler(rng(1)), 32, s);
    const auto train_in = [&](std::int64_t memory) {
        s.memory = memory;
        weight_store weights(1);
        return train_supernet(weights, sampler, data.reader(32), s);
    };
    CHECK(train_in(0).peak_bytes == needed);
    CHECK(train_in(needed).complete);
    CHECK_THROWS_WITH(train_in(needed - 1), Catch::Contains("memory is"));
    CHECK(training_memory(sampler(rng(1)), 64, s) > needed);
}

TEST_CASE("a pass that would need more than is allowed is refused, and leaves the pass as it was") {
    const auto space = test::small_space();
    const auto net = space.lower(space.largest());
    weight_store weights(1);
    weights.add(net);
    training_pass pass(1);
    const std::int64_t bytes = pass.arena_bytes(net, 4);
    CHECK(pass.counters().arena_bytes == 0);
    const std::vector<float> images(4 * 16 * 16, 0.5F);
    pass.bound_arena(bytes - 1);
    CHECK_THROWS_WITH(pass.forward(net, weights.access(), images, 4), Catch::Contains("a batch of 4"));
    CHECK(pass.counters().arena_bytes == 0);
    pass.bound_arena(bytes);
    (void)pass.forward(net, weights.access(), images, 4);
    CHECK(pass.counters().arena_bytes == bytes);
}
