// SPDX-License-Identifier: Apache-2.0
// usage: depthwise_gradient KERNEL THREADS ROUNDS
//
// The depthwise weight gradient of every layer shape that members of mobile32 have, batch 128, f32:
// our kernel against oneDNN with channels-last tensors and with tensors as it likes them. All start
// from channels-last tensors and end with weights as [height][width][channel]; conversions count.
// Prints one JSON line for each shape, with the milliseconds of each round; exits 1 where results
// differ.
#include <fmt/format.h>
#include <omp.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <new>
#include <oneapi/dnnl/dnnl.hpp>
#include <set>
#include <stdexcept>
#include <tuple>
#include <unordered_map>
#include <utility>
#include <vector>

#include "engine/kernels/depthwise.hpp"
#include "lathe/core/rng.hpp"
#include "lathe/format/json.hpp"
#include "lathe/search_space/mobile_space.hpp"

namespace {

using namespace lathe;
using kernels::depthwise_shape;
using data_type = dnnl::memory::data_type;
using tag = dnnl::memory::format_tag;
using clock = std::chrono::steady_clock;

constexpr std::int64_t batch = 128;

/// Channels, size of the input, stride.
using layer = std::tuple<std::int64_t, std::int64_t, std::int64_t>;

std::set<layer> layers_of(const mobile_space_spec& spec) {
    std::set<layer> layers;
    for (std::int64_t size : spec.resolutions) {
        size = (size - 1) / spec.stem_stride + 1;
        auto widths = spec.stem_widths;
        for (const auto& stage : spec.stages) {
            const auto add = [&](std::int64_t stride) {
                for (const auto width : widths) {
                    for (const auto e : stage.expansions) layers.emplace(e * width, size, stride);
                }
            };
            add(stage.stride);
            size = (size - 1) / stage.stride + 1;
            widths = stage.widths;
            if (stage.max_depth > 1) add(1);
        }
    }
    return layers;
}

/// Tensors of one layer in oneDNN's own memory, which starts on cache lines.
struct tensors {
    explicit tensors(const depthwise_shape& s)
        : engine(dnnl::engine::kind::cpu, 0),
          stream(engine),
          image({{s.batch, s.channels, s.in_h, s.in_w}, data_type::f32, tag::nhwc}, engine),
          diff({{s.batch, s.channels, s.out_h, s.out_w}, data_type::f32, tag::nhwc}, engine),
          weight({{s.channels, 1, 1, s.kernel_h, s.kernel_w}, data_type::f32, tag::hwigo}, engine) {
        fill(image);
        fill(diff);
    }

    static float* data(const dnnl::memory& m) { return static_cast<float*>(m.get_data_handle()); }
    static std::size_t size(const dnnl::memory& m) {
        return m.get_desc().get_size() / sizeof(float);
    }
    static void fill(const dnnl::memory& m) {
        rng random(1);
        std::generate_n(data(m), size(m), [&] { return static_cast<float>(random.real() - 0.5); });
    }

    dnnl::engine engine;
    dnnl::stream stream;
    dnnl::memory image, diff, weight;
};

class onednn_gradient {
public:
    onednn_gradient(const depthwise_shape& s, tensors& t, tag layout) : t_(t) {
        const auto with = [](const dnnl::memory& m, tag wanted) {
            return dnnl::memory::desc(m.get_desc().get_dims(), data_type::f32, wanted);
        };
        const auto image = with(t.image, layout);
        const auto diff = with(t.diff, layout);
        const auto weight = with(t.weight, tag::any);
        const dnnl::memory::dims strides{s.stride, s.stride};
        const dnnl::memory::dims padding{s.pad, s.pad};
        const auto direct = dnnl::algorithm::convolution_direct;
        const dnnl::convolution_forward::primitive_desc forward(
            t.engine, dnnl::prop_kind::forward_training, direct, image, weight, diff, strides,
            padding, padding);
        const dnnl::convolution_backward_weights::primitive_desc desc(
            t.engine, direct, image, weight, diff, strides, padding, padding, forward);
        gradient_ = dnnl::convolution_backward_weights(desc);
        image_ = prepare(t.image, desc.src_desc());
        diff_ = prepare(t.diff, desc.diff_dst_desc());
        weight_ = prepare(t.weight, desc.diff_weights_desc());
        if (image_ != t.image) to_image_ = dnnl::reorder(t.image, image_);
        if (diff_ != t.diff) to_diff_ = dnnl::reorder(t.diff, diff_);
        if (weight_ != t.weight) from_weight_ = dnnl::reorder(weight_, t.weight);
    }

    void run() {
        if (to_image_) to_image_.execute(t_.stream, t_.image, image_);
        if (to_diff_) to_diff_.execute(t_.stream, t_.diff, diff_);
        gradient_.execute(
            t_.stream,
            {{DNNL_ARG_SRC, image_}, {DNNL_ARG_DIFF_DST, diff_}, {DNNL_ARG_DIFF_WEIGHTS, weight_}});
        if (from_weight_) from_weight_.execute(t_.stream, weight_, t_.weight);
        t_.stream.wait();
    }

private:
    /// The tensor itself where it has the wanted layout.
    dnnl::memory prepare(const dnnl::memory& given, const dnnl::memory::desc& wanted) {
        return given.get_desc() == wanted ? given : dnnl::memory(wanted, t_.engine);
    }

    tensors& t_;
    dnnl::convolution_backward_weights gradient_;
    dnnl::memory image_, diff_, weight_;
    dnnl::reorder to_image_, to_diff_, from_weight_;
};

class own_gradient {
public:
    own_gradient(const depthwise_shape& s, tensors& t, int threads)
        : shape_(s),
          t_(t),
          scratch_(
              static_cast<std::size_t>(kernels::depthwise_weight_gradient_scratch(s, threads))) {}

    void run() {
        kernels::depthwise_weight_gradient(shape_, tensors::data(t_.image), tensors::data(t_.diff),
                                           tensors::data(t_.weight), scratch_.data());
    }

private:
    depthwise_shape shape_;
    tensors& t_;
    std::vector<float> scratch_;
};

std::vector<float> result(const tensors& t) {
    return {tensors::data(t.weight), tensors::data(t.weight) + tensors::size(t.weight)};
}

void check_equal(const std::vector<float>& ours, const std::vector<float>& theirs) {
    float largest = 0.0F;
    float difference = 0.0F;
    for (std::size_t i = 0; i < ours.size(); ++i) {
        largest = std::max(largest, std::abs(theirs[i]));
        difference = std::max(difference, std::abs(ours[i] - theirs[i]));
    }
    if (!(difference <= 1e-4F * largest)) {
        throw std::runtime_error(fmt::format("results differ by {} of {}", difference, largest));
    }
}

json_object measure(const layer& l, std::int64_t kernel, int threads, int rounds) {
    const auto [channels, size, stride] = l;
    const std::int64_t out = (size - 1) / stride + 1;
    const depthwise_shape s{batch, channels, size,   size,   out,
                            out,   kernel,   kernel, stride, kernel / 2};
    tensors t(s);
    own_gradient own(s, t, threads);
    onednn_gradient channels_last(s, t, tag::nhwc);
    onednn_gradient any(s, t, tag::any);
    own.run();
    const auto ours = result(t);
    for (auto* theirs : {&channels_last, &any}) {
        theirs->run();
        check_equal(ours, result(t));
    }
    json_array own_ms, channels_last_ms, any_ms;
    const auto timed = [](auto& gradient, json_array& into) {
        const auto start = clock::now();
        gradient.run();
        into.push_back(std::chrono::duration<double, std::milli>(clock::now() - start).count());
    };
    for (int r = 0; r < rounds; ++r) {
        timed(own, own_ms);
        timed(channels_last, channels_last_ms);
        timed(any, any_ms);
    }
    return {{"channels", channels}, {"size", size},   {"stride", stride},
            {"threads", threads},   {"ours", own_ms}, {"nhwc", channels_last_ms},
            {"any", any_ms}};
}

}  // namespace

int main(int count, char** arguments) {
    if (count != 4) {
        fmt::print(stderr, "usage: depthwise_gradient KERNEL THREADS ROUNDS\n");
        return 2;
    }
    try {
        const int threads = std::atoi(arguments[2]);
        omp_set_num_threads(threads);
        for (const auto& l : layers_of(mobile32())) {
            fmt::print("{}\n", to_json(measure(l, std::atoi(arguments[1]), threads,
                                               std::atoi(arguments[3]))));
        }
    } catch (const std::exception& e) {
        fmt::print(stderr, "depthwise_gradient: {}\n", e.what());
        return EXIT_FAILURE;
    }
}
