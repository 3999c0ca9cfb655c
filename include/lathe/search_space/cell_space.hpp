// SPDX-License-Identifier: Apache-2.0
// The cells of NAS-Bench-201 (Dong and Yang, ICLR 2020) with weights shared between them.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "lathe/search_space/concept.hpp"

namespace lathe {

/// The benchmark stacks 5 cells in each stage, on images of 32x32x3. One is enough to search with on a
/// CPU and is the default.
struct cell_space_spec {
    std::int64_t input_channels = 3;
    std::int64_t resolution = 32;  ///< height and width of the input, halved between stages
    std::int64_t classes = 10;
    std::int64_t cells_per_stage = 1;
    std::vector<std::int64_t> widths{16, 32, 64};  ///< channels, one per stage
};

/// For 32x32x3 images on a CPU: one cell in a stage, and half of the benchmark's channels.
[[nodiscard]] cell_space_spec cell32();

/// stem (3x3) -> [cells -> residual block of stride 2]... -> cells -> norm -> mean -> classifier.
///
/// A cell has four nodes; node 0 is its input, node 3 its output. An edge i->j, i < j, applies one of
/// five ops to node i; a node is the sum of its edges. Six edges and five ops make 15,625 genotypes.
/// The weights of an op belong to its edge in its cell: "c2.0to3.conv3x3.weight".
///
/// canonical() maps genotypes of one network together. Edges that are none, that come from a node
/// without input, or that lead to no output do not count (in the benchmark a convolution of a missing
/// input still adds its norm's constant); a skip-connection is the node it comes from. A cell whose
/// output no path reaches, zero in the benchmark, passes its input on here, as "0->3 skip_connect"
/// does: a network that does not read its image is none. Tables of the benchmark hold all 15,625
/// genotypes as different, so look them up by format_cell(g), not by the canonical form.
class cell_space {
public:
    /// Throws bad_input naming the member of the specification.
    explicit cell_space(cell_space_spec spec = {});

    /// "0->1", "0->2", "1->2", "0->3", "1->3", "2->3"; options none, skip_connect, nor_conv_1x1,
    /// nor_conv_3x3, avg_pool_3x3.
    [[nodiscard]] const std::vector<axis>& axes() const noexcept { return axes_; }
    [[nodiscard]] genotype canonical(const genotype& g) const;
    [[nodiscard]] network lower(const genotype& g) const;
    /// A member for limits to refer to (study_settings::reference): nor_conv_3x3 everywhere, which has
    /// most MACs.
    [[nodiscard]] genotype reference() const;
    /// format_cell(g).
    [[nodiscard]] std::string describe(const genotype& g) const;

    [[nodiscard]] const cell_space_spec& spec() const noexcept { return spec_; }

private:
    cell_space_spec spec_;
    std::vector<axis> axes_;
};
static_assert(SearchSpace<cell_space>);

/// The benchmark's spelling: "|nor_conv_3x3~0|+|none~0|skip_connect~1|+|none~0|none~1|none~2|".
[[nodiscard]] std::string format_cell(const genotype& g);
/// Inverse of format_cell. Throws bad_input naming the edge.
[[nodiscard]] genotype parse_cell(std::string_view text);

}  // namespace lathe
