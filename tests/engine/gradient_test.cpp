// SPDX-License-Identifier: Apache-2.0
// Gradients of the training pass against finite differences of the oracle, which computes in double.
#include <catch2/catch.hpp>
#include <cmath>
#include <map>
#include <set>

#include "lathe/core/error.hpp"
#include "lathe/engine/training_pass.hpp"
#include "lathe/network/region_copy.hpp"
#include "reference/interpreter.hpp"
#include "reference/layout.hpp"
#include "reference/random_network.hpp"

using namespace lathe;

namespace {

struct tensor_memory {
    std::vector<std::int64_t> shape;
    std::vector<float> value, gradient;
};

/// Base tensors of one network, filled as unit_weights() fills whole tensors.
class store {
public:
    explicit store(const network& net) {
        for (const auto& n : net.nodes()) {
            for (const auto& p : parameters_of(n.operation)) {
                auto [it, fresh] = tensors_.try_emplace(p.ref->tensor);
                if (!fresh) continue;
                const param_ref all = whole(p.ref->tensor, p.ref->full_shape);
                it->second.shape = p.ref->full_shape;
                it->second.value.resize(static_cast<std::size_t>(element_count(all)));
                it->second.gradient.resize(it->second.value.size());
                reference::unit_weights()(all, it->second.value);
            }
        }
    }
    parameter_access access() {
        return [this](const param_ref& ref) {
            auto& t = tensors_.at(ref.tensor);
            return parameter_memory{t.value.data(), t.gradient.data()};
        };
    }
    weight_reader reader() {
        return [this](const param_ref& ref, std::span<float> out) {
            gather(resolve(ref), ref.full_shape, tensors_.at(ref.tensor).value, out);
        };
    }
    std::map<std::string, tensor_memory>& tensors() { return tensors_; }

private:
    std::map<std::string, tensor_memory> tensors_;
};

/// A fixed random direction for the logits makes a scalar of a network.
struct scalar_network {
    const network& net;
    std::int64_t batch;
    std::vector<float> input;      ///< channels first
    std::vector<float> direction;  ///< per logit

    double value(const weight_reader& weights) const {
        const auto all = reference::run(net, weights, nullptr, batch, input);
        const auto& logits = all[static_cast<std::size_t>(net.outputs()[0].value)];
        double sum = 0.0;
        for (std::size_t i = 0; i < logits.size(); ++i) sum += logits[i] * direction[i];
        return sum;
    }
    std::vector<float> pass(training_pass& pass, const parameter_access& access) const {
        const auto& type = net.at(net.inputs()[0]).type;
        const auto images = reference::channels_last(type, batch, input);
        const auto logits = pass.forward(net, access, images, static_cast<int>(batch));
        std::vector<float> copy(logits.begin(), logits.end());
        pass.backward(direction);
        return copy;
    }
};

scalar_network make_scalar(const network& net, std::int64_t batch, std::uint64_t seed) {
    scalar_network s{net, batch, reference::random_input(net, batch, rng(seed, 7)), {}};
    rng random(seed, 8);
    const auto logits = element_count(net.at(net.outputs()[0].value).type, batch);
    for (std::int64_t i = 0; i < logits; ++i) {
        s.direction.push_back(static_cast<float>(random.normal()));
    }
    return s;
}

struct agreement {
    int compared = 0;
    int kinks = 0;  ///< the function is not smooth there: two step sizes disagree
};

/// Compares some entries of every gradient.
agreement compare(const scalar_network& s, store& weights, rng random) {
    agreement a;
    for (auto& [name, t] : weights.tensors()) {
        for (int pick = 0; pick < 3; ++pick) {
            const auto i = random.below(static_cast<std::uint32_t>(t.value.size()));
            const float before = t.value[i];
            const auto slope = [&](float h) {
                t.value[i] = before + h;
                const double up = s.value(weights.reader());
                const double x1 = t.value[i];
                t.value[i] = before - h;
                const double down = s.value(weights.reader());
                const double width = x1 - t.value[i];
                t.value[i] = before;
                return (up - down) / width;
            };
            const double coarse = slope(2e-3F);
            const double fine = slope(5e-4F);
            const double size = std::max(1.0, std::abs(fine));
            if (std::abs(coarse - fine) > 2e-3 * size) {
                ++a.kinks;
                continue;
            }
            ++a.compared;
            INFO("tensor " << name << " element " << i);
            CHECK(std::abs(t.gradient[i] - fine) < 5e-3 * size);
        }
    }
    return a;
}

}  // namespace

TEST_CASE("gradients of random networks agree with finite differences") {
    agreement total;
    std::set<std::string> ops;
    training_pass pass(2);
    for (std::uint64_t seed = 0; seed < 60; ++seed) {
        CAPTURE(seed);
        const network net = reference::random_network(rng(seed, 3), 1 + static_cast<std::int64_t>(seed % 8));
        const auto s = make_scalar(net, 3, seed);
        store weights(net);
        const auto logits = s.pass(pass, weights.access());
        const auto expected = reference::run(net, weights.reader(), nullptr, s.batch, s.input);
        const auto& want = expected[static_cast<std::size_t>(net.outputs()[0].value)];
        for (std::size_t i = 0; i < want.size(); ++i) {
            CHECK(logits[i] == Approx(want[i]).epsilon(1e-3).margin(1e-3));
        }
        const auto a = compare(s, weights, rng(seed, 9));
        total.compared += a.compared;
        total.kinks += a.kinks;
        for (const auto& n : net.nodes()) ops.emplace(name_of(n.operation));
    }
    CHECK(total.compared > 600);
    CHECK(total.kinks < total.compared / 4);
    for (const auto* op : {"conv2d", "batch_norm", "activation", "add", "channel_gate", "pool",
                           "global_pool", "concat", "linear"}) {
        CHECK(ops.contains(op));
    }
}

TEST_CASE("softmax passes gradients on") {
    network_builder b;
    auto v = b.input("image", image_type(3, 4, 4));
    v = b.add("mean", global_pool_op{}, {v});
    v = b.add("first", linear_op{whole("a", {5, 3}), whole("ab", {5})}, {v});
    v = b.add("soft", softmax_op{}, {v});
    v = b.add("second", linear_op{whole("b", {4, 5}), whole("bb", {4})}, {v});
    b.output(v, output_role::logits);
    const network net = std::move(b).build();
    const auto s = make_scalar(net, 4, 1);
    store weights(net);
    training_pass pass(1);
    s.pass(pass, weights.access());
    CHECK(compare(s, weights, rng(1)).compared > 5);
}

TEST_CASE("two passes add their gradients, and one arena serves changing networks") {
    const network a = reference::random_network(rng(11), 6, reference::outputs::logits);
    const network b = reference::random_network(rng(12), 3, reference::outputs::logits);
    const auto s = make_scalar(a, 2, 5);
    const auto other = make_scalar(b, 2, 6);
    training_pass pass(1);
    store once(a), twice(a), scratch(b);
    s.pass(pass, once.access());
    other.pass(pass, scratch.access());
    s.pass(pass, twice.access());
    other.pass(pass, scratch.access());
    s.pass(pass, twice.access());
    for (auto& [name, t] : once.tensors()) {
        const auto& sum = twice.tensors().at(name).gradient;
        for (std::size_t i = 0; i < sum.size(); ++i) {
            CHECK(sum[i] == Approx(2.0 * t.gradient[i]).epsilon(1e-5).margin(1e-6));
        }
    }
    CHECK(pass.counters().primitives_reused > 0);
}

TEST_CASE("only a complete training pass goes back, and once") {
    const network net = reference::random_network(rng(11), 4, reference::outputs::logits);
    const auto s = make_scalar(net, 2, 5);
    store weights(net);
    training_pass pass(1);
    s.pass(pass, weights.access());
    const auto images = reference::channels_last(net.at(net.inputs()[0]).type, s.batch, s.input);
    const std::vector<float> direction(pass.forward(net, weights.access(), images, 2).size(), 1.0F);
    pass.backward(direction);
    CHECK_THROWS_WITH(pass.backward(direction), Catch::Contains("without a training forward"));
    (void)pass.forward(net, weights.access(), images, 2);
    CHECK_THROWS_AS(pass.forward(net, weights.access(), images, 3), error);
    CHECK_THROWS_AS(pass.forward(net, weights.access(), {}, 0), error);
    CHECK_THROWS_WITH(pass.backward(direction), Catch::Contains("without a training forward"));
}

TEST_CASE("batch statistics are those of the oracle") {
    const network net = reference::random_network(rng(21), 8, reference::outputs::logits);
    const auto s = make_scalar(net, 3, 2);
    store weights(net);
    training_pass pass(2);
    const auto images =
        reference::channels_last(net.at(net.inputs()[0]).type, s.batch, s.input);
    (void)pass.forward(net, weights.access(), images, 3, pass_kind::statistics);
    const auto expected = reference::batch_statistics(net, weights.reader(), s.batch, s.input);
    for (std::size_t i = 0; i < expected.size(); ++i) {
        REQUIRE(pass.batch_statistics()[i].mean.size() == expected[i].mean.size());
        for (std::size_t c = 0; c < expected[i].mean.size(); ++c) {
            CHECK(pass.batch_statistics()[i].mean[c] ==
                  Approx(expected[i].mean[c]).epsilon(1e-3).margin(1e-4));
            CHECK(pass.batch_statistics()[i].variance[c] ==
                  Approx(expected[i].variance[c]).epsilon(1e-3).margin(1e-4));
        }
    }
}

TEST_CASE("the same pass gives the same bits") {
    const network net = reference::random_network(rng(31), 8, reference::outputs::logits);
    const auto s = make_scalar(net, 4, 3);
    store first(net), second(net);
    training_pass one(2), two(2);
    s.pass(one, first.access());
    s.pass(two, second.access());
    for (auto& [name, t] : first.tensors()) {
        CHECK(t.gradient == second.tensors().at(name).gradient);
    }
}
