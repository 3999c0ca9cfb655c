// SPDX-License-Identifier: Apache-2.0
#include "engine/lower_own.hpp"

#include <algorithm>
#include <variant>
#include <vector>

#include "engine/depthwise_weights.hpp"
#include "engine/folded_weights.hpp"
#include "engine/kernels/dense.hpp"
#include "engine/kernels/depthwise_rows.hpp"
#include "engine/kernels/elementwise.hpp"

namespace lathe::detail {
namespace {

static_assert(highest_sliced_kernel <= kernels::dense_highest_kernel);

constexpr auto float_bytes = static_cast<std::int64_t>(sizeof(float));

/// The post-operations of a group in the order of our kernels: what a kernel does while it has its
/// sums, then passes over the result.
struct own_posts {
    bool adds_first = false;  ///< the residual goes into the sums
    std::optional<activation> act;
    std::vector<post_operation> passes;
};

own_posts split_posts(const lowering_context& c, bool kernel_adds) {
    own_posts posts;
    auto next = c.group.post.begin();
    const auto end = c.group.post.end();
    if (kernel_adds && next != end && std::holds_alternative<residual>(*next)) {
        posts.adds_first = true;
        ++next;
    }
    if (next != end && std::holds_alternative<activation>(*next)) {
        posts.act = std::get<activation>(*next++);
    }
    posts.passes.assign(next, end);
    return posts;
}

/// The recipe but for pack, bind and sizes.
step_recipe own_step(const lowering_context& c, const own_posts& posts,
                     const char* implementation) {
    step_recipe r;
    r.inputs = {c.anchor().inputs[0]};
    r.output = c.group.result();
    r.implementation = implementation;
    if (const auto added = c.group.added()) {
        r.inputs.push_back(*added);
        if (posts.adds_first && c.residual_dies) r.in_place = 1;
    }
    return r;
}

/// Passes that no kernel has taken into its sums.
void run_passes(const own_posts& posts, std::int64_t count, const float* added, float* dst) {
    for (const auto& post : posts.passes) {
        if (const auto* act = std::get_if<activation>(&post)) {
            kernels::activation_forward(*act, count, dst, dst);
        } else {
            kernels::add_inplace(count, added, dst);
        }
    }
}

step_recipe lower_dense(const kernels::dense_shape& shape, const param_ref& weight,
                        const std::optional<param_ref>& bias, const lowering_context& c) {
    const own_posts posts = split_posts(c, true);
    step_recipe r = own_step(c, posts, "lathe:dense");
    r.weight_bytes = kernels::dense_weight_floats(shape) * float_bytes;
    r.scratch_bytes = kernels::dense_scratch_floats(shape, c.threads) * float_bytes;
    r.pack = [shape, fold = weight_folder(c, weight, bias)](const weight_reader& reader,
                                                            const calibrated_statistics& statistics,
                                                            std::byte* to) {
        const auto f = fold(reader, statistics);
        kernels::pack_dense_weights(shape, f.weight.data(), f.bias.data(),
                                    reinterpret_cast<float*>(to));
    };
    r.bind = [shape, posts, count = element_count(c.anchor().type, c.batch)](const step_memory& m) {
        const float* added = m.inputs.size() > 1 ? m.inputs[1] : nullptr;
        return [=, src = m.inputs[0], dst = m.output,
                packed = reinterpret_cast<const float*>(m.weights),
                scratch = reinterpret_cast<float*>(m.scratch)](const dnnl::stream&) {
            kernels::dense_forward(shape, posts.act, src, packed,
                                   posts.adds_first ? added : nullptr, scratch, dst);
            run_passes(posts, count, added, dst);
        };
    };
    return r;
}

step_recipe lower_depthwise(const kernels::depthwise_shape& shape, const conv2d_op& o,
                            const lowering_context& c) {
    const own_posts posts = split_posts(c, false);
    step_recipe r = own_step(c, posts, "lathe:depthwise_rows");
    const std::int64_t taps = shape.kernel_h * shape.kernel_w;
    r.weight_bytes = (taps + 1) * shape.channels * float_bytes;
    r.pack = [taps, channels = shape.channels, fold = weight_folder(c, o.weight, o.bias)](
                 const weight_reader& reader, const calibrated_statistics& statistics,
                 std::byte* to) {
        const auto f = fold(reader, statistics);
        auto* by_tap = reinterpret_cast<float*>(to);
        transpose(f.weight.data(), channels, taps, by_tap);
        std::ranges::copy(f.bias, by_tap + taps * channels);
    };
    r.bind = [shape, posts, taps,
              count = element_count(c.anchor().type, c.batch)](const step_memory& m) {
        const float* added = m.inputs.size() > 1 ? m.inputs[1] : nullptr;
        return [=, src = m.inputs[0], dst = m.output,
                weight = reinterpret_cast<const float*>(m.weights)](const dnnl::stream&) {
            kernels::depthwise_forward(shape, posts.act, src, weight,
                                       weight + taps * shape.channels, dst);
            run_passes(posts, count, added, dst);
        };
    };
    return r;
}

kernels::dense_shape dense_of(const convolution_shape& s) {
    return {s.batch,     s.in_channels, s.in_h,      s.in_w,       s.out_channels,
            s.out_h,     s.out_w,       s.kernel[0], s.kernel[1],  s.stride[0],
            s.stride[1], s.padding[0],  s.padding[1]};
}

}  // namespace

std::optional<step_recipe> lower_to_own(const conv2d_op& o, const lowering_context& c) {
    const convolution_shape shape =
        shape_of(o, c.type(c.anchor().inputs[0]), c.anchor().type, c.batch);
    if (shape.groups == 1) {
        auto dense = dense_of(shape);
        dense.result_pitch = c.result_pitch();
        if (!kernels::has_dense(dense)) return {};
        return lower_dense(dense, o.weight, o.bias, c);
    }
    if (!shape.is_depthwise()) return {};
    const auto depthwise = depthwise_of(shape);
    if (!kernels::has_depthwise_rows(depthwise)) return {};
    return lower_depthwise(depthwise, o, c);
}

step_recipe lower_to_own(const linear_op& o, const lowering_context& c) {
    const auto weight = shape_of(o.weight);
    return lower_dense({c.batch, weight[1], 1, 1, weight[0], 1, 1}, o.weight, o.bias, c);
}

}  // namespace lathe::detail
