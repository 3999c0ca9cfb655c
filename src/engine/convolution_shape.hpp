// SPDX-License-Identifier: Apache-2.0
// The numbers of a convolution, for inference and training alike.
#pragma once

#include <cstdint>

#include "lathe/network/ops.hpp"

namespace lathe::detail {

struct convolution_shape {
    std::int64_t batch, in_channels, in_h, in_w, out_channels, out_h, out_w;
    extent2 kernel, stride, padding;
    std::int64_t groups;

    [[nodiscard]] bool is_pointwise() const {
        return groups == 1 && kernel == extent2{1, 1} && padding == extent2{0, 0};
    }
    [[nodiscard]] bool is_depthwise() const {
        return groups == in_channels && groups == out_channels && groups > 1 &&
               stride[0] == stride[1] && padding[0] == padding[1];
    }
    [[nodiscard]] std::int64_t in_rows() const { return batch * in_h * in_w; }
    [[nodiscard]] std::int64_t out_rows() const { return batch * out_h * out_w; }
};

[[nodiscard]] inline convolution_shape shape_of(const conv2d_op& o, const tensor_type& in,
                                                const tensor_type& out, std::int64_t batch) {
    const auto weight = lathe::shape_of(o.weight);
    return {batch,
            in.dims[1].size(),
            in.dims[2].size(),
            in.dims[3].size(),
            weight[0],
            out.dims[2].size(),
            out.dims[3].size(),
            {weight[2], weight[3]},
            o.stride,
            o.padding,
            o.groups};
}

}  // namespace lathe::detail
