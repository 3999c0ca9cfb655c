// SPDX-License-Identifier: Apache-2.0
// Random networks of random ops with odd sizes, groups, strides and paddings: inputs for every test
// that compares two ways to compute a network.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <span>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "lathe/core/rng.hpp"
#include "lathe/network/network.hpp"
#include "lathe/network/statistics.hpp"
#include "lathe/network/weights.hpp"

namespace lathe::reference {

/// Logits alone, or at times also an image of features and the probabilities.
enum class outputs : std::uint8_t { logits, several };

/// Makes one network; every value that nothing reads ends in a head, and the heads are added.
class random_network_maker {
public:
    explicit random_network_maker(rng random) : random_(random) {}

    network make(std::int64_t steps, outputs wanted) {
        values_.push_back({builder_.input("image", image_type(between(1, 5), between(5, 13),
                                                              between(5, 13)))});
        for (std::int64_t i = 0; i < steps; ++i) add_random_layer();
        const value_id logits = add_heads(between(2, 7));
        builder_.output(logits, output_role::logits);
        if (wanted == outputs::several && random_.flip(0.6)) {
            builder_.output(values_.back().id, output_role::features);
        }
        if (wanted == outputs::several && random_.flip(0.3)) {
            builder_.output(builder_.add("probabilities", softmax_op{}, {logits}),
                            output_role::probabilities);
        }
        return std::move(builder_).build();
    }

private:
    struct image {
        value_id id;
        bool used = false;
    };

    std::int64_t between(std::int64_t low, std::int64_t high) {
        return low + random_.below(static_cast<std::uint32_t>(high - low + 1));
    }
    value_id pick_input() {
        image& chosen = values_[random_.below(static_cast<std::uint32_t>(values_.size()))];
        chosen.used = true;
        return chosen.id;
    }
    [[nodiscard]] std::int64_t extent(value_id id, std::size_t d) const {
        return builder_.type(id).dims[d].size();
    }
    std::string name(const std::string& kind) { return kind + std::to_string(layers_++); }
    value_id add(const std::string& kind, op operation, std::vector<value_id> inputs) {
        return builder_.add(name(kind), std::move(operation), std::move(inputs));
    }
    /// A tensor of its own, or the leading part of a larger one.
    param_ref parameter(const std::vector<std::int64_t>& shape) {
        auto full = shape;
        if (random_.flip(0.3)) full[0] += between(1, 3);
        return leading(name("tensor"), full, shape);
    }
    /// A kernel that fits into the images, with any legal padding.
    std::pair<extent2, extent2> window(value_id id) {
        extent2 kernel{};
        extent2 padding{};
        for (std::size_t d = 0; d < 2; ++d) {
            kernel[d] = between(1, std::min<std::int64_t>(5, extent(id, d + 2)));
            padding[d] = between(0, kernel[d] - 1);
        }
        return {kernel, padding};
    }

    value_id add_conv(value_id in) {
        const std::int64_t channels = extent(in, 1);
        std::int64_t groups = random_.flip(0.5) ? 1 : channels;
        if (channels % 2 == 0 && random_.flip(0.3)) groups = 2;
        const std::int64_t out = groups * between(1, groups == 1 ? 9 : 2);
        const auto [kernel, padding] = window(in);
        conv2d_op conv;
        conv.weight = parameter({out, channels / groups, kernel[0], kernel[1]});
        if (random_.flip(0.5)) conv.bias = parameter({out});
        conv.stride = {between(1, 3), between(1, 3)};
        conv.padding = padding;
        conv.groups = groups;
        return add("conv", std::move(conv), {in});
    }
    value_id add_norm(value_id in) {
        const std::int64_t channels = extent(in, 1);
        return add("norm", batch_norm_op{parameter({channels}), parameter({channels}), 1e-3F},
                   {in});
    }
    value_id add_activation(value_id in) {
        return add("activation", activation_op{static_cast<activation>(random_.below(5))}, {in});
    }
    value_id add_gate(value_id in) {
        const std::int64_t channels = extent(in, 1);
        const std::int64_t hidden = between(1, 6);
        return add("gate",
                   channel_gate_op{parameter({hidden, channels}), parameter({hidden}),
                                   parameter({channels, hidden}), parameter({channels})},
                   {in});
    }
    value_id add_pool(value_id in) {
        const auto [kernel, padding] = window(in);
        return add("pool",
                   pool_op{random_.flip(0.5) ? pooling::max : pooling::average, kernel,
                           {between(1, 3), between(1, 3)}, padding},
                   {in});
    }
    value_id add_sum(value_id in) {
        for (image& other : values_) {
            if (other.id == in || builder_.type(other.id) != builder_.type(in)) continue;
            other.used = true;
            return add("sum", add_op{}, {in, other.id});
        }
        return add("sum", add_op{}, {in, in});
    }
    value_id add_concat(value_id in) {
        std::vector<value_id> inputs{in};
        for (image& other : values_) {
            if (inputs.size() == 3 || extent(other.id, 2) != extent(in, 2) ||
                extent(other.id, 3) != extent(in, 3)) {
                continue;
            }
            other.used = true;
            inputs.push_back(other.id);
        }
        return add("concat", concat_op{}, std::move(inputs));
    }

    void add_random_layer() {
        const value_id in = pick_input();
        switch (random_.below(8)) {
            case 0: values_.push_back({add_conv(in)}); break;
            case 1: values_.push_back({add_norm(add_conv(in))}); break;
            case 2: values_.push_back({add_activation(add_norm(add_conv(in)))}); break;
            case 3: values_.push_back({add_activation(in)}); break;
            case 4: values_.push_back({add_gate(in)}); break;
            case 5: values_.push_back({add_pool(in)}); break;
            case 6: values_.push_back({add_sum(in)}); break;
            default: values_.push_back({add_concat(in)}); break;
        }
        if (random_.flip(0.2)) values_.push_back({add_norm(pick_input())});
    }

    value_id add_heads(std::int64_t classes) {
        std::vector<value_id> logits;
        for (const image& v : values_) {
            if (v.used) continue;
            value_id features = add("mean", global_pool_op{}, {v.id});
            if (random_.flip(0.3)) features = add_activation(features);
            const linear_op linear{parameter({classes, extent(features, 1)}),
                                   parameter({classes})};
            const value_id head = add("linear", linear, {features});
            logits.push_back(logits.empty() ? head : add("sum", add_op{}, {logits.back(), head}));
        }
        return logits.back();
    }

    rng random_;
    network_builder builder_;
    std::vector<image> values_;
    int layers_ = 0;
};

/// A function of the state of `random` alone.
inline network random_network(const rng& random, std::int64_t steps,
                              outputs wanted = outputs::several) {
    return random_network_maker(random).make(steps, wanted);
}

/// Weights that keep values near 1 through every layer, so that no op's share gets lost: uniform
/// with standard deviation sqrt(2 / fan-in), and in [-1, 1) for vectors. A function of the tensor's
/// name and the index.
inline weight_reader unit_weights() {
    return [](const param_ref& ref, std::span<float> out) {
        const auto shape = shape_of(ref);
        const double fan_in = static_cast<double>(out.size()) / static_cast<double>(shape.at(0));
        const double bound = shape.size() == 1 ? 1.0 : std::sqrt(6.0 / fan_in);
        rng random(hasher().add(ref.tensor).value());
        for (float& value : out) value = static_cast<float>(bound * (2.0 * random.real() - 1.0));
    };
}

/// Means in [-0.5, 0.5) and variances in [0.3, 2).
inline calibrated_statistics random_statistics(const network& net, rng random) {
    std::vector<norm_statistics> by_node(net.nodes().size());
    for (std::size_t i = 0; i < by_node.size(); ++i) {
        const node& n = net.nodes()[i];
        if (!std::holds_alternative<batch_norm_op>(n.operation)) continue;
        for (std::int64_t c = 0; c < n.type.dims[1].size(); ++c) {
            by_node[i].mean.push_back(static_cast<float>(random.real() - 0.5));
            by_node[i].variance.push_back(static_cast<float>(0.3 + 1.7 * random.real()));
        }
    }
    return calibrated_statistics(net, element_type::f32, 1, std::move(by_node));
}

/// Standard normal values for all inputs of the network, `batch` images each.
inline std::vector<float> random_input(const network& net, std::int64_t batch, rng random) {
    std::vector<float> values;
    for (const value_id in : net.inputs()) {
        const auto more = static_cast<std::size_t>(element_count(net.at(in).type, batch));
        std::generate_n(std::back_inserter(values), more,
                        [&] { return static_cast<float>(random.normal()); });
    }
    return values;
}

}  // namespace lathe::reference
