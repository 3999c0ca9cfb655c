// SPDX-License-Identifier: Apache-2.0
#include "engine/folded_weights.hpp"

#include <fmt/format.h>

#include <cmath>
#include <utility>

#include "lathe/core/error.hpp"

namespace lathe::detail {
std::vector<float> read_finite(const weight_reader& reader, const param_ref& ref) {
    std::vector<float> values(static_cast<std::size_t>(element_count(ref)));
    reader(ref, values);
    for (const float v : values) {
        if (!std::isfinite(v)) {
            throw error(errc::numeric, fmt::format("tensor '{}'", ref.tensor),
                        fmt::format("holds the value {}", v), "the training has diverged");
        }
    }
    return values;
}

weight_folder::weight_folder(const lowering_context& c, param_ref weight,
                             std::optional<param_ref> bias)
    : weight_(std::move(weight)), bias_(std::move(bias)), norm_id_(c.group.norm) {
    if (norm_id_ >= 0) norm_ = std::get<batch_norm_op>(c.net.at(norm_id_).operation);
}

folded_weights weight_folder::operator()(const weight_reader& reader,
                                         const calibrated_statistics& statistics) const {
    folded_weights f;
    f.weight = read_finite(reader, weight_);
    const auto out = static_cast<std::size_t>(shape_of(weight_)[0]);
    f.bias = bias_ ? read_finite(reader, *bias_) : std::vector<float>(out, 0.0F);
    if (!norm_) return f;
    const auto scale = read_finite(reader, norm_->scale);
    const auto shift = read_finite(reader, norm_->shift);
    const auto& s = statistics.of(norm_id_);
    const std::size_t row = f.weight.size() / out;
    for (std::size_t o = 0; o < out; ++o) {
        const float factor = scale[o] / std::sqrt(s.variance[o] + norm_->epsilon);
        for (std::size_t i = 0; i < row; ++i) f.weight[o * row + i] *= factor;
        f.bias[o] = shift[o] + (f.bias[o] - s.mean[o]) * factor;
    }
    return f;
}

}  // namespace lathe::detail
