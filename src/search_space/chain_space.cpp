// SPDX-License-Identifier: Apache-2.0
#include "lathe/search_space/chain_space.hpp"

#include <utility>

#include "search_space/options.hpp"

namespace lathe {
namespace {

using detail::choose;
using detail::elastic_layers;
using detail::extent;
using detail::fixed;

std::string place_of(const std::string& layer, const char* member) {
    return "chain_space_spec: layer '" + layer + "': " + member;
}

void check(const conv_layer& layer) {
    detail::check_options(place_of(layer.name, "widths"), layer.widths, 1);
    detail::check_options(place_of(layer.name, "kernels"), layer.kernels, 1, 2, 1);
    detail::check_number(place_of(layer.name, "stride"), layer.stride, 1);
}
void check(const depthwise_layer& layer) {
    detail::check_options(place_of(layer.name, "kernels"), layer.kernels, 1, 2, 1);
    detail::check_number(place_of(layer.name, "stride"), layer.stride, 1);
}
void check(const pool_layer& layer) {
    detail::check_number(place_of(layer.name, "kernel"), layer.kernel, 1);
    detail::check_number(place_of(layer.name, "stride"), layer.stride, 1);
}

const detail::sizes* widths_of(const chain_layer& layer) {
    const auto* conv = std::get_if<conv_layer>(&layer);
    return conv == nullptr ? nullptr : &conv->widths;
}
const detail::sizes* kernels_of(const chain_layer& layer) {
    if (const auto* conv = std::get_if<conv_layer>(&layer)) return &conv->kernels;
    if (const auto* depthwise = std::get_if<depthwise_layer>(&layer)) return &depthwise->kernels;
    return nullptr;
}

/// A value on its way down the chain, and its channels.
struct flow {
    value_id value;
    extent channels;
};

}  // namespace

chain_space_spec chain28() {
    chain_space_spec spec;
    spec.layers = {conv_layer{"c1", {8, 16}, {3, 5}, 2},
                   depthwise_layer{"d2", {3, 5, 7}},
                   conv_layer{"c3", {16, 32, 48}, {1}},
                   depthwise_layer{"d4", {3, 5, 7}, 2},
                   conv_layer{"c5", {32, 64, 96}, {1}},
                   depthwise_layer{"d6", {3, 5, 7}},
                   conv_layer{"c7", {64, 96, 128}, {1}}};
    return spec;
}

chain_space::chain_space(chain_space_spec spec) : spec_(std::move(spec)) {
    detail::check_number("chain_space_spec::input_channels", spec_.input_channels, 1);
    detail::check_number("chain_space_spec::resolution", spec_.resolution, 1);
    detail::check_number("chain_space_spec::classes", spec_.classes, 2);
    for (const auto& layer : spec_.layers) {
        std::visit([](const auto& l) { check(l); }, layer);
        const std::string& name = std::visit([](const auto& l) -> auto& { return l.name; }, layer);
        const auto axis_for = [&](const char* what, const detail::sizes* options) {
            return options == nullptr ? -1 : detail::add_axis(axes_, name + what, *options);
        };
        const int width = axis_for(".width", widths_of(layer));
        layer_axes_.push_back({width, axis_for(".kernel", kernels_of(layer))});
    }
    // Height and width do not depend on genes, so what fits once fits always.
    static_cast<void>(lower(largest()));
}

genotype chain_space::canonical(const genotype& g) const {
    validate(g, axes_);
    return g;
}

network chain_space::lower(const genotype& g) const {
    validate(g, axes_);
    network_builder builder;
    elastic_layers layers(builder);
    flow x{builder.input("image",
                         image_type(spec_.input_channels, spec_.resolution, spec_.resolution)),
           fixed(spec_.input_channels)};

    const auto norm_act = [&](const detail::layer_name& name, activation kind) {
        x.value = layers.norm(x.value, name, x.channels);
        x.value = layers.act(x.value, name, kind);
    };
    for (std::size_t i = 0; i < spec_.layers.size(); ++i) {
        const auto& genes = layer_axes_[i];
        if (const auto* conv = std::get_if<conv_layer>(&spec_.layers[i])) {
            const detail::layer_name name{conv->name, conv->name};
            const extent out = choose(conv->widths, g, genes.width);
            x.value = layers.conv(x.value, name, x.channels, out,
                                  choose(conv->kernels, g, genes.kernel), conv->stride);
            x.channels = out;
            norm_act(name, conv->act);
        } else if (const auto* depthwise = std::get_if<depthwise_layer>(&spec_.layers[i])) {
            const detail::layer_name name{depthwise->name, depthwise->name};
            x.value = layers.depthwise(x.value, name, x.channels,
                                       choose(depthwise->kernels, g, genes.kernel),
                                       depthwise->stride);
            norm_act(name, depthwise->act);
        } else {
            const auto& pool = std::get<pool_layer>(spec_.layers[i]);
            const std::int64_t padding = (pool.kernel - 1) / 2;
            x.value = builder.add(pool.name,
                                  pool_op{pool.kind, {pool.kernel, pool.kernel},
                                          {pool.stride, pool.stride}, {padding, padding}},
                                  {x.value});
        }
    }
    layers.classifier(x.value, x.channels, spec_.classes);
    return std::move(builder).build();
}

genotype chain_space::largest() const { return detail::last_options(axes_); }

genotype chain_space::smallest() const { return detail::first_options(axes_); }

}  // namespace lathe
