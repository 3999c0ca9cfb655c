// SPDX-License-Identifier: Apache-2.0
#include "lathe/supernet/weight_store.hpp"

#include <algorithm>
#include <catch2/catch.hpp>
#include <cmath>
#include <functional>

#include "lathe/core/error.hpp"
#include "lathe/engine/executor.hpp"
#include "lathe/network/region_copy.hpp"
#include "reference/random_network.hpp"
#include "supernet/support.hpp"

using namespace lathe;

namespace {

/// The same layers with parameters of their own instead of slices.
network detached(const network& net) {
    network_builder b;
    for (const auto& n : net.nodes()) {
        op copy = n.operation;
        for (const auto& p : parameters_of(copy)) {
            auto& ref = const_cast<param_ref&>(*p.ref);
            ref = whole(n.name + "/" + ref.tensor, shape_of(ref));
        }
        if (const auto* in = std::get_if<input_op>(&copy)) {
            b.input(n.name, in->type);
        } else {
            b.add(n.name, copy, n.inputs);
        }
    }
    for (const auto& out : net.outputs()) b.output(out.value, out.role, out.exit);
    return std::move(b).build();
}

/// Copies every slice of `from` into the tensors of a detached network.
void copy_slices(const network& net, const weight_store& from, const network& alone,
                 weight_store& to) {
    to.add(alone);
    for (std::size_t i = 0; i < net.nodes().size(); ++i) {
        const auto sliced = parameters_of(net.nodes()[i].operation);
        const auto whole_ones = parameters_of(alone.nodes()[i].operation);
        for (std::size_t p = 0; p < sliced.size(); ++p) {
            from.reader()(*sliced[p].ref, to.tensors().at(whole_ones[p].ref->tensor).value);
        }
    }
}

std::vector<float> gradient_of(const weight_store& store, const param_ref& ref) {
    std::vector<float> dense(static_cast<std::size_t>(element_count(ref)));
    const auto& t = store.tensors().at(ref.tensor);
    const auto region = resolve(ref);
    gather(region, ref.full_shape, t.gradient, dense);
    return dense;
}

}  // namespace

TEST_CASE("initial values depend on seed, name and full shape alone") {
    const auto space = test::small_space();
    rng random(1);
    weight_store forwards(7), backwards(7), other(8);
    std::vector<network> nets;
    for (int i = 0; i < 5; ++i) nets.push_back(space.lower(sample_member(space, random)));
    nets.push_back(space.lower(space.largest()));
    for (const auto& net : nets) forwards.add(net);
    for (auto it = nets.rbegin(); it != nets.rend(); ++it) backwards.add(*it);
    other.add(nets.back());
    CHECK(forwards.content_hash() == backwards.content_hash());
    CHECK(forwards.content_hash() != other.content_hash());
}

TEST_CASE("one name with two full shapes is refused") {
    const auto net_with = [](std::int64_t width) {
        network_builder b;
        auto v = b.input("image", image_type(1, 4, 4));
        v = b.add("conv", conv2d_op{whole("shared", {width, 1, 1, 1}), {}}, {v});
        b.output(v, output_role::features);
        return std::move(b).build();
    };
    weight_store store(1);
    store.add(net_with(2));
    CHECK_THROWS_WITH(store.add(net_with(3)), Catch::Contains("shared") && Catch::Contains("conv"));
}

TEST_CASE("a subnet computes exactly what the same network with copied slices computes") {
    const auto space = test::small_space();
    rng random(2);
    weight_store supernet(1);
    supernet.add(space.lower(space.largest()));
    training_pass pass(2);
    for (int i = 0; i < 12; ++i) {
        CAPTURE(i);
        const network net = space.lower(sample_member(space, random));
        const network alone = detached(net);
        weight_store copy(2);
        copy_slices(net, supernet, alone, copy);

        std::vector<float> images(static_cast<std::size_t>(
            element_count(net.at(net.inputs()[0]).type, 4)));
        for (auto& v : images) v = static_cast<float>(random.normal());

        const auto run = [&](const network& n, weight_store& store) {
            executor e(n, store.reader(), calibrated_statistics::neutral(n), {.batch = 4});
            std::ranges::copy(images, e.input().begin());
            e.run();
            return std::vector<float>(e.output().begin(), e.output().end());
        };
        CHECK(run(net, supernet) == run(alone, copy));

        const auto train = [&](const network& n, weight_store& store) {
            store.start_step();
            store.use(n);
            const auto logits = pass.forward(n, store.access(), images, 4);
            const std::vector<float> result(logits.begin(), logits.end());
            std::vector<float> direction(logits.size());
            for (std::size_t k = 0; k < direction.size(); ++k) {
                direction[k] = static_cast<float>(k % 5) - 2.0F;
            }
            pass.backward(direction);
            return result;
        };
        const auto inside = train(net, supernet);
        const auto outside = train(alone, copy);
        for (std::size_t k = 0; k < inside.size(); ++k) {
            CHECK(inside[k] == Approx(outside[k]).epsilon(1e-5).margin(1e-5));
        }
        for (std::size_t n = 0; n < net.nodes().size(); ++n) {
            const auto sliced = parameters_of(net.nodes()[n].operation);
            const auto whole_ones = parameters_of(alone.nodes()[n].operation);
            for (std::size_t p = 0; p < sliced.size(); ++p) {
                const auto a = gradient_of(supernet, *sliced[p].ref);
                const auto b = gradient_of(copy, *whole_ones[p].ref);
                for (std::size_t k = 0; k < a.size(); ++k) {
                    CHECK(a[k] == Approx(b[k]).epsilon(1e-3).margin(1e-4));
                }
            }
        }
    }
}

TEST_CASE("a step changes what its networks used and nothing else") {
    const auto space = test::small_space();
    weight_store store(1);
    const network largest = space.lower(space.largest());
    const network smallest = space.lower(space.smallest());
    store.add(largest);
    store.add(smallest);
    const weight_store before = store;
    store.start_step();
    store.use(smallest);
    for (auto& [name, t] : store.tensors()) std::ranges::fill(t.gradient, 1.0F);
    const float matrix_rate = GENERATE(0.0F, 0.02F);
    store.apply({.learning_rate = 0.1F, .weight_decay = 0.01F, .matrix_rate = matrix_rate});
    std::map<std::string, std::vector<float>> covered;
    for (const auto& n : smallest.nodes()) {
        for (const auto& p : parameters_of(n.operation)) {
            auto& mask = covered[p.ref->tensor];
            mask.resize(store.tensors().at(p.ref->tensor).value.size());
            const std::vector<float> ones(static_cast<std::size_t>(element_count(*p.ref)), 1.0F);
            scatter_add(resolve(*p.ref), p.ref->full_shape, ones, mask);
        }
    }
    std::int64_t changed = 0, kept = 0;
    for (const auto& [name, t] : store.tensors()) {
        const auto& old = before.tensors().at(name);
        for (std::size_t i = 0; i < t.value.size(); ++i) {
            const bool used = covered.contains(name) && covered.at(name)[i] > 0.0F;
            CHECK((t.value[i] != old.value[i]) == used);
            (used ? changed : kept) += 1;
        }
    }
    CHECK(changed > 100);
    CHECK(kept > 100);
}

TEST_CASE("matrix_rate turns matrices of convolutions; all else follows SGD") {
    const auto space = test::small_space();
    const network net = space.lower(space.largest());
    const auto stepped = [&](const update_settings& settings) {
        weight_store store(1);
        store.add(net);
        store.start_step();
        store.use(net);
        rng random(2);
        for (auto& [name, t] : store.tensors()) {
            for (float& g : t.gradient) g = static_cast<float>(random.normal());
        }
        CHECK(store.apply(settings));
        return store.tensors();
    };
    const auto norm = [](const std::vector<float>& values) {
        double squares = 0.0;
        for (const float v : values) squares += double{v} * v;
        return std::sqrt(squares);
    };
    weight_store start(1);
    start.add(net);
    const auto sgd = stepped({.learning_rate = 0.1F, .weight_decay = 0.01F});
    const auto muon = stepped({.learning_rate = 0.1F, .weight_decay = 0.01F, .matrix_rate = 0.02F});
    const auto faster = stepped({.learning_rate = 0.4F, .matrix_rate = 0.02F});
    int matrices = 0, others = 0;
    for (const auto& [name, t] : muon) {
        INFO(name);
        if (t.role != param_role::conv_weight || t.shape[1] == 1) {
            CHECK(t.value == sgd.at(name).value);
            ++others;
            continue;
        }
        ++matrices;
        CHECK(t.value == faster.at(name).value);
        CHECK(t.value != sgd.at(name).value);
        const auto& before = start.tensors().at(name).value;
        CHECK(norm(t.value) == Approx(norm(before)).epsilon(1e-5));
        std::vector<float> turn(before.size());
        std::ranges::transform(t.value, before, turn.begin(), std::minus());
        const double share = norm(turn) / norm(before);
        CHECK(share > 0.002);
        CHECK(share < 0.03);
    }
    CHECK(matrices > 3);
    CHECK(others > 3);
}

TEST_CASE("gradients are clipped to a norm over all tensors") {
    const auto space = test::small_space();
    const network net = space.lower(space.largest());
    weight_store free(1), clipped(1);
    for (auto* store : {&free, &clipped}) {
        store->add(net);
        store->start_step();
        store->use(net);
        for (auto& [name, t] : store->tensors()) std::ranges::fill(t.gradient, 2.0F);
    }
    const double norm = free.gradient_norm();
    CHECK(norm > 10.0);
    const auto before = clipped.tensors();
    CHECK(clipped.apply({.learning_rate = 1.0F, .momentum = 0.0F, .clip_norm = 1.0F}));
    double moved = 0.0;
    for (const auto& [name, t] : clipped.tensors()) {
        for (std::size_t i = 0; i < t.value.size(); ++i) {
            moved += std::pow(static_cast<double>(t.value[i]) - before.at(name).value[i], 2);
        }
    }
    CHECK(std::sqrt(moved) == Approx(1.0).epsilon(1e-3));

    const hash64 content = free.content_hash();
    free.tensors().begin()->second.gradient.front() = std::numeric_limits<float>::quiet_NaN();
    CHECK_FALSE(free.apply({.learning_rate = 1.0F, .momentum = 0.0F}));
    CHECK(free.content_hash() == content);
}
