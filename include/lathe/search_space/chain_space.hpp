// SPDX-License-Identifier: Apache-2.0
// A chain of layers written down by hand: the shortest way to a space of one's own.
#pragma once

#include <cstdint>
#include <string>
#include <variant>
#include <vector>

#include "lathe/search_space/concept.hpp"

namespace lathe {

/// Convolution, batch norm, activation.
struct conv_layer {
    std::string name;
    std::vector<std::int64_t> widths;      ///< output channels, ascending
    std::vector<std::int64_t> kernels{3};  ///< odd, ascending
    std::int64_t stride = 1;
    activation act = activation::relu;
};

/// Depthwise convolution, batch norm, activation.
struct depthwise_layer {
    std::string name;
    std::vector<std::int64_t> kernels{3};  ///< odd, ascending
    std::int64_t stride = 1;
    activation act = activation::relu;
};

struct pool_layer {
    std::string name;
    pooling kind = pooling::max;
    std::int64_t kernel = 2;
    std::int64_t stride = 2;
};

using chain_layer = std::variant<conv_layer, depthwise_layer, pool_layer>;

struct chain_space_spec {
    std::int64_t input_channels = 1;
    std::int64_t resolution = 28;  ///< height and width of the input
    std::int64_t classes = 10;
    std::vector<chain_layer> layers;
};

/// For 28x28x1 images: a small space, which trains in minutes.
[[nodiscard]] chain_space_spec chain28();

/// image -> layers -> mean over positions -> classifier. Weights are leading slices and kernel centres
/// of the largest member's. Axes are "NAME.width" and "NAME.kernel" where there is a choice.
///
///     const chain_space space({.layers = {conv_layer{"c1", {8, 16}, {3, 5}, 2},
///                                         depthwise_layer{"d2", {3, 5, 7}},
///                                         conv_layer{"c3", {16, 32}, {1}, 2}}});
class chain_space {
public:
    /// Throws bad_input or shape naming the layer.
    explicit chain_space(chain_space_spec spec);

    [[nodiscard]] const std::vector<axis>& axes() const noexcept { return axes_; }
    /// The genotype itself: every gene of a chain is active.
    [[nodiscard]] genotype canonical(const genotype& g) const;
    [[nodiscard]] network lower(const genotype& g) const;
    [[nodiscard]] genotype largest() const;
    [[nodiscard]] genotype smallest() const;

private:
    /// Indices into axes_, -1 where there is only one option.
    struct layer_axes {
        int width;
        int kernel;
    };

    chain_space_spec spec_;
    std::vector<axis> axes_;
    std::vector<layer_axes> layer_axes_;
};
static_assert(ElasticSpace<chain_space>);

}  // namespace lathe
