// SPDX-License-Identifier: Apache-2.0
// Elastic networks of inverted-bottleneck blocks for CPUs, in the manner of MobileNetV3 (Howard et al.
// 2019) and once-for-all (Cai et al. 2020).
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "lathe/search_space/concept.hpp"
#include "lathe/search_space/members.hpp"

namespace lathe {

enum class gate_choice : std::uint8_t { never, always, optional };

/// Blocks at one resolution. Options ascend.
struct mobile_stage {
    std::vector<std::int64_t> widths;  ///< output channels, multiples of 8 (16 runs faster)
    std::int64_t min_depth = 1;
    std::int64_t max_depth = 1;
    std::int64_t stride = 1;               ///< of the first block
    std::vector<std::int64_t> expansions;  ///< hidden channels per input channel of the block
    std::vector<std::int64_t> kernels{3, 5, 7};  ///< of the depthwise convolution, odd
    activation act = activation::relu;
    gate_choice gate = gate_choice::never;  ///< squeeze-and-excite in every block of the stage
};

/// stem (3x3) -> stages -> head (1x1) -> mean over positions -> classifier.
struct mobile_space_spec {
    std::int64_t input_channels = 3;
    std::vector<std::int64_t> resolutions;  ///< height and width of the input, ascending
    std::int64_t classes = 10;
    std::vector<std::int64_t> stem_widths;  ///< multiples of 8, ascending
    std::int64_t stem_stride = 1;
    activation stem_act = activation::relu;
    std::vector<mobile_stage> stages;
    std::int64_t head_width = 0;
    activation head_act = activation::relu;
};

/// 28x28x1 and 32x32x3 images, 10 classes; width, depth, expansion, kernel and resolution are free.
[[nodiscard]] mobile_space_spec mobile28();
[[nodiscard]] mobile_space_spec mobile32();

/// Block: 1x1 expand (left out for expansion 1), k x k depthwise, optional channel gate, 1x1 project;
/// a batch norm after every convolution, an activation after all but the projection; the input is
/// added where the shapes are equal.
///
/// Every tensor is a leading slice of the largest member's, a depthwise kernel also the centre of the
/// largest kernel. Only options that leave a choice have an axis. Networks have one image input of
/// the chosen resolution, "image", and one output, "logits".
class mobile_space {
public:
    /// Throws bad_input naming the member of the specification.
    explicit mobile_space(mobile_space_spec spec);

    [[nodiscard]] const std::vector<axis>& axes() const noexcept { return axes_; }
    /// Genes of blocks beyond their stage's depth are 0.
    [[nodiscard]] genotype canonical(const genotype& g) const;
    [[nodiscard]] network lower(const genotype& g) const;
    [[nodiscard]] genotype largest() const;
    [[nodiscard]] genotype smallest() const;

    [[nodiscard]] member_count count() const noexcept;
    /// Uniform over the members: a depth is drawn with the weight of its continuations. O(axes).
    [[nodiscard]] genotype sample(rng& random) const;
    /// "28x28, stem 16 | 32: e3 k5, e2 k3 | 64+gate: e4 k7".
    [[nodiscard]] std::string describe(const genotype& g) const;

    [[nodiscard]] const mobile_space_spec& spec() const noexcept { return spec_; }

private:
    struct block_axes {
        int expansion;
        int kernel;
    };
    /// Indices into axes_, -1 where there is only one option.
    struct stage_axes {
        int width;
        int depth;
        int gate;
        std::vector<block_axes> blocks;
    };

    [[nodiscard]] std::int64_t depth_of(const genotype& g, std::size_t stage) const;

    mobile_space_spec spec_;
    std::vector<axis> axes_;
    int resolution_axis_ = -1;
    int stem_axis_ = -1;
    std::vector<stage_axes> stage_axes_;
};
static_assert(ElasticSpace<mobile_space>);

}  // namespace lathe
