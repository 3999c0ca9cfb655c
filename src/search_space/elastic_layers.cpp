// SPDX-License-Identifier: Apache-2.0
#include "search_space/elastic_layers.hpp"

#include <utility>

namespace lathe::detail {

value_id elastic_layers::add_conv(value_id input, const layer_name& name, param_ref weight,
                                  extent kernel, std::int64_t stride, std::int64_t groups) {
    if (kernel.used != kernel.full) weight.views.push_back(centre_crop{kernel.used, kernel.used});
    const std::int64_t padding = kernel.used / 2;
    return builder_.add(
        name.layer,
        conv2d_op{std::move(weight), {}, {stride, stride}, {padding, padding}, groups}, {input});
}

value_id elastic_layers::conv(value_id input, const layer_name& name, extent in, extent out,
                              extent kernel, std::int64_t stride) {
    return add_conv(input, name,
                    leading(name.tensor + ".weight", {out.full, in.full, kernel.full, kernel.full},
                            {out.used, in.used, kernel.full, kernel.full}),
                    kernel, stride, 1);
}

value_id elastic_layers::depthwise(value_id input, const layer_name& name, extent channels,
                                   extent kernel, std::int64_t stride) {
    return add_conv(input, name,
                    leading(name.tensor + ".weight", {channels.full, 1, kernel.full, kernel.full},
                            {channels.used, 1, kernel.full, kernel.full}),
                    kernel, stride, channels.used);
}

value_id elastic_layers::norm(value_id input, const layer_name& name, extent channels) {
    return builder_.add(
        name.layer + "_norm",
        batch_norm_op{leading(name.tensor + ".norm.scale", {channels.full}, {channels.used}),
                      leading(name.tensor + ".norm.shift", {channels.full}, {channels.used})},
        {input});
}

value_id elastic_layers::act(value_id input, const layer_name& name, activation kind) {
    return builder_.add(name.layer + "_act", activation_op{kind}, {input});
}

value_id elastic_layers::gate(value_id input, const layer_name& name, extent channels) {
    const auto quarter = [](std::int64_t n) { return (n / 4 + 7) / 8 * 8; };
    const extent inner{quarter(channels.used), quarter(channels.full)};
    return builder_.add(
        name.layer,
        channel_gate_op{
            leading(name.tensor + ".reduce.weight", {inner.full, channels.full},
                    {inner.used, channels.used}),
            leading(name.tensor + ".reduce.bias", {inner.full}, {inner.used}),
            leading(name.tensor + ".expand.weight", {channels.full, inner.full},
                    {channels.used, inner.used}),
            leading(name.tensor + ".expand.bias", {channels.full}, {channels.used})},
        {input});
}

void elastic_layers::classifier(value_id input, extent channels, std::int64_t classes) {
    const value_id pooled = builder_.add("pool", global_pool_op{}, {input});
    const value_id logits = builder_.add(
        "logits",
        linear_op{leading("classifier.weight", {classes, channels.full}, {classes, channels.used}),
                  whole("classifier.bias", {classes})},
        {pooled});
    builder_.output(logits, output_role::logits);
}

}  // namespace lathe::detail
