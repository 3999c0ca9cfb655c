// SPDX-License-Identifier: Apache-2.0
// A network with memory for its parameters and one number as its result, whose gradient is known.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "lathe/engine/training_pass.hpp"
#include "lathe/network/region_copy.hpp"
#include "reference/interpreter.hpp"
#include "reference/layout.hpp"
#include "reference/random_network.hpp"

namespace lathe::test {

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

inline scalar_network make_scalar(const network& net, std::int64_t batch, std::uint64_t seed) {
    scalar_network s{net, batch, reference::random_input(net, batch, rng(seed, 7)), {}};
    rng random(seed, 8);
    const auto logits = element_count(net.at(net.outputs()[0].value).type, batch);
    for (std::int64_t i = 0; i < logits; ++i) {
        s.direction.push_back(static_cast<float>(random.normal()));
    }
    return s;
}

}  // namespace lathe::test
