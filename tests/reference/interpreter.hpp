// SPDX-License-Identifier: Apache-2.0
// What a network computes, in plain loops over doubles: the oracle of the executor, the trainer and
// the ONNX export. Written to be checked by reading; slow on purpose.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <stdexcept>
#include <variant>
#include <vector>

#include "lathe/network/network.hpp"
#include "lathe/network/statistics.hpp"
#include "lathe/network/weights.hpp"

namespace lathe::reference {

/// A dense NCHW value; a vector has height and width 1.
struct tensor {
    std::int64_t batch = 0;
    std::int64_t channels = 0;
    std::int64_t height = 1;
    std::int64_t width = 1;
    std::vector<double> values;

    [[nodiscard]] std::int64_t area() const { return height * width; }
    [[nodiscard]] std::size_t index(std::int64_t n, std::int64_t c, std::int64_t y,
                                    std::int64_t x) const {
        return static_cast<std::size_t>(((n * channels + c) * height + y) * width + x);
    }
    double& at(std::int64_t n, std::int64_t c, std::int64_t y = 0, std::int64_t x = 0) {
        return values.at(index(n, c, y, x));
    }
    [[nodiscard]] double at(std::int64_t n, std::int64_t c, std::int64_t y = 0,
                            std::int64_t x = 0) const {
        return values.at(index(n, c, y, x));
    }
    /// f(n, c, y, x) for every element.
    template <class Function>
    void for_each(Function f) const {
        for (std::int64_t n = 0; n < batch; ++n)
            for (std::int64_t c = 0; c < channels; ++c)
                for (std::int64_t y = 0; y < height; ++y)
                    for (std::int64_t x = 0; x < width; ++x) f(n, c, y, x);
    }
};

/// Zeros of a type, every symbol replaced by `batch`.
inline tensor zeros(const tensor_type& type, std::int64_t batch) {
    const auto extent = [&](std::size_t i) {
        if (i >= type.dims.size()) return std::int64_t{1};
        return type.dims[i].is_symbol() ? batch : type.dims[i].size();
    };
    tensor t{extent(0), extent(1), extent(2), extent(3), {}};
    t.values.resize(static_cast<std::size_t>(t.batch * t.channels * t.area()));
    return t;
}

/// Mean and biased variance of every channel over batch, height and width.
struct moments {
    std::vector<double> mean;
    std::vector<double> variance;
};

inline moments moments_of(const tensor& x) {
    const auto count = static_cast<double>(x.batch * x.area());
    const auto channels = static_cast<std::size_t>(x.channels);
    moments m{std::vector<double>(channels), std::vector<double>(channels)};
    const auto channel = [](std::int64_t c) { return static_cast<std::size_t>(c); };
    x.for_each([&](auto n, auto c, auto i, auto j) {
        m.mean[channel(c)] += x.at(n, c, i, j) / count;
    });
    x.for_each([&](auto n, auto c, auto i, auto j) {
        const double d = x.at(n, c, i, j) - m.mean[channel(c)];
        m.variance[channel(c)] += d * d / count;
    });
    return m;
}

/// Everything one op may read. `y` arrives as zeros of the result's type.
struct context {
    std::vector<const tensor*> x;
    const weight_reader& weights;
    const norm_statistics* statistics;  ///< null: those of the batch

    [[nodiscard]] const tensor& input() const { return *x.front(); }
    [[nodiscard]] std::vector<double> read(const param_ref& ref) const {
        std::vector<float> values(static_cast<std::size_t>(element_count(ref)));
        weights(ref, values);
        return {values.begin(), values.end()};
    }
};

inline double sigmoid(double x) { return 1.0 / (1.0 + std::exp(-x)); }
inline double hard_sigmoid(double x) { return std::clamp(x / 6.0 + 0.5, 0.0, 1.0); }

inline double activate(activation kind, double x) {
    switch (kind) {
        case activation::relu: return std::max(x, 0.0);
        case activation::relu6: return std::clamp(x, 0.0, 6.0);
        case activation::hard_swish: return x * hard_sigmoid(x);
        case activation::swish: return x * sigmoid(x);
        case activation::gelu: return 0.5 * x * (1.0 + std::erf(x / std::sqrt(2.0)));
    }
    throw std::logic_error("reference: unknown activation");
}

/// weight * x + bias, weight row-major (bias.size(), x.size()).
inline std::vector<double> affine(const std::vector<double>& weight,
                                  const std::vector<double>& bias, const std::vector<double>& x) {
    std::vector<double> y = bias;
    for (std::size_t o = 0; o < y.size(); ++o)
        for (std::size_t i = 0; i < x.size(); ++i) y[o] += weight.at(o * x.size() + i) * x[i];
    return y;
}

/// The mean over height and width of every channel of image n.
inline std::vector<double> channel_means(const tensor& x, std::int64_t n) {
    std::vector<double> means(static_cast<std::size_t>(x.channels));
    for (std::int64_t c = 0; c < x.channels; ++c)
        for (std::int64_t i = 0; i < x.height; ++i)
            for (std::int64_t j = 0; j < x.width; ++j)
                means[static_cast<std::size_t>(c)] +=
                    x.at(n, c, i, j) / static_cast<double>(x.area());
    return means;
}

/// f(y, x) for every pixel of `image` under a kernel whose first tap is (top, left).
template <class Function>
void for_each_under(const tensor& image, extent2 kernel, std::int64_t top, std::int64_t left,
                    Function f) {
    for (std::int64_t u = 0; u < kernel[0]; ++u)
        for (std::int64_t v = 0; v < kernel[1]; ++v)
            if (top + u >= 0 && top + u < image.height && left + v >= 0 && left + v < image.width)
                f(u, v);
}

inline void compute(const input_op&, const context&, tensor&) {
    throw std::logic_error("reference: an input is given, not computed");
}

inline void compute(const conv2d_op& op, const context& c, tensor& y) {
    const tensor& x = c.input();
    const auto shape = shape_of(op.weight);
    const std::int64_t group_in = shape.at(1);
    const std::int64_t group_out = shape.at(0) / op.groups;
    const extent2 kernel{shape.at(2), shape.at(3)};
    const auto weight = c.read(op.weight);
    const auto bias = op.bias ? c.read(*op.bias) : std::vector<double>();
    y.for_each([&](auto n, auto o, auto i, auto j) {
        double sum = op.bias ? bias.at(static_cast<std::size_t>(o)) : 0.0;
        const auto top = i * op.stride[0] - op.padding[0];
        const auto left = j * op.stride[1] - op.padding[1];
        for (std::int64_t k = 0; k < group_in; ++k) {
            for_each_under(x, kernel, top, left, [&](auto u, auto v) {
                const auto tap = ((o * group_in + k) * kernel[0] + u) * kernel[1] + v;
                sum += weight.at(static_cast<std::size_t>(tap)) *
                       x.at(n, o / group_out * group_in + k, top + u, left + v);
            });
        }
        y.at(n, o, i, j) = sum;
    });
}

inline void compute(const batch_norm_op& op, const context& c, tensor& y) {
    const auto scale = c.read(op.scale);
    const auto shift = c.read(op.shift);
    const moments m = c.statistics == nullptr
                          ? moments_of(c.input())
                          : moments{{c.statistics->mean.begin(), c.statistics->mean.end()},
                                    {c.statistics->variance.begin(), c.statistics->variance.end()}};
    y.for_each([&](auto n, auto channel, auto i, auto j) {
        const auto k = static_cast<std::size_t>(channel);
        y.at(n, channel, i, j) =
            scale.at(k) * (c.input().at(n, channel, i, j) - m.mean.at(k)) /
                std::sqrt(m.variance.at(k) + static_cast<double>(op.epsilon)) +
            shift.at(k);
    });
}

inline void compute(const activation_op& op, const context& c, tensor& y) {
    for (std::size_t i = 0; i < y.values.size(); ++i)
        y.values[i] = activate(op.kind, c.input().values.at(i));
}

inline void compute(const add_op&, const context& c, tensor& y) {
    for (std::size_t i = 0; i < y.values.size(); ++i)
        y.values[i] = c.x.at(0)->values.at(i) + c.x.at(1)->values.at(i);
}

inline void compute(const channel_gate_op& op, const context& c, tensor& y) {
    const auto reduce_weight = c.read(op.reduce_weight);
    const auto reduce_bias = c.read(op.reduce_bias);
    const auto expand_weight = c.read(op.expand_weight);
    const auto expand_bias = c.read(op.expand_bias);
    for (std::int64_t n = 0; n < y.batch; ++n) {
        auto hidden = affine(reduce_weight, reduce_bias, channel_means(c.input(), n));
        for (double& h : hidden) h = std::max(h, 0.0);
        const auto gate = affine(expand_weight, expand_bias, hidden);
        for (std::int64_t k = 0; k < y.channels; ++k)
            for (std::int64_t i = 0; i < y.height; ++i)
                for (std::int64_t j = 0; j < y.width; ++j)
                    y.at(n, k, i, j) = c.input().at(n, k, i, j) *
                                       hard_sigmoid(gate.at(static_cast<std::size_t>(k)));
    }
}

inline void compute(const pool_op& op, const context& c, tensor& y) {
    const tensor& x = c.input();
    y.for_each([&](auto n, auto k, auto i, auto j) {
        double largest = -std::numeric_limits<double>::infinity();
        double sum = 0.0;
        int count = 0;
        const auto top = i * op.stride[0] - op.padding[0];
        const auto left = j * op.stride[1] - op.padding[1];
        for_each_under(x, op.kernel, top, left, [&](auto u, auto v) {
            const double value = x.at(n, k, top + u, left + v);
            largest = std::max(largest, value);
            sum += value;
            ++count;
        });
        y.at(n, k, i, j) = op.kind == pooling::max ? largest : sum / count;
    });
}

inline void compute(const global_pool_op&, const context& c, tensor& y) {
    for (std::int64_t n = 0; n < y.batch; ++n) {
        const auto means = channel_means(c.input(), n);
        for (std::int64_t k = 0; k < y.channels; ++k)
            y.at(n, k) = means.at(static_cast<std::size_t>(k));
    }
}

inline void compute(const concat_op&, const context& c, tensor& y) {
    std::int64_t first = 0;
    for (const tensor* x : c.x) {
        x->for_each([&](auto n, auto k, auto i, auto j) {
            y.at(n, first + k, i, j) = x->at(n, k, i, j);
        });
        first += x->channels;
    }
}

inline void compute(const linear_op& op, const context& c, tensor& y) {
    const auto weight = c.read(op.weight);
    const auto bias = c.read(op.bias);
    const auto features = static_cast<std::ptrdiff_t>(c.input().channels);
    for (std::int64_t n = 0; n < y.batch; ++n) {
        const auto first = c.input().values.begin() + n * features;
        const auto result = affine(weight, bias, {first, first + features});
        std::copy(result.begin(), result.end(), y.values.begin() + n * y.channels);
    }
}

inline void compute(const softmax_op&, const context& c, tensor& y) {
    const tensor& x = c.input();
    for (std::int64_t n = 0; n < y.batch; ++n) {
        double largest = x.at(n, 0);
        for (std::int64_t k = 1; k < x.channels; ++k) largest = std::max(largest, x.at(n, k));
        double sum = 0.0;
        for (std::int64_t k = 0; k < x.channels; ++k) sum += std::exp(x.at(n, k) - largest);
        for (std::int64_t k = 0; k < x.channels; ++k)
            y.at(n, k) = std::exp(x.at(n, k) - largest) / sum;
    }
}

/// Every value of the network. `input_nchw` holds the network's inputs one after the other.
/// `statistics_of(id)` gives the statistics of a batch norm, or null for those of the batch.
template <class StatisticsOf>
std::vector<tensor> run_all(const network& net, const weight_reader& weights,
                            StatisticsOf statistics_of, std::int64_t batch,
                            std::span<const float> input_nchw) {
    std::vector<tensor> values;
    for (std::size_t i = 0; i < net.nodes().size(); ++i) {
        const node& n = net.nodes()[i];
        tensor y = zeros(n.type, batch);
        if (std::holds_alternative<input_op>(n.operation)) {
            if (input_nchw.size() < y.values.size())
                throw std::invalid_argument("reference: the input is too short");
            std::copy_n(input_nchw.begin(), y.values.size(), y.values.begin());
            input_nchw = input_nchw.subspan(y.values.size());
        } else {
            context c{{}, weights, nullptr};
            for (const value_id id : n.inputs) c.x.push_back(&values[static_cast<std::size_t>(id)]);
            if (std::holds_alternative<batch_norm_op>(n.operation))
                c.statistics = statistics_of(static_cast<value_id>(i));
            std::visit([&](const auto& operation) { compute(operation, c, y); }, n.operation);
        }
        values.push_back(std::move(y));
    }
    if (!input_nchw.empty()) throw std::invalid_argument("reference: the input is too long");
    return values;
}

inline std::vector<std::vector<double>> numbers_of(std::vector<tensor> values) {
    std::vector<std::vector<double>> numbers;
    for (tensor& v : values) numbers.push_back(std::move(v.values));
    return numbers;
}

/// Every value with the statistics of the batch where `statistics` is null (training), else with
/// statistics[id] for the batch norm `id`.
inline std::vector<std::vector<double>> run(const network& net, const weight_reader& weights,
                                            const std::vector<norm_statistics>* statistics,
                                            std::int64_t batch, std::span<const float> input_nchw) {
    const auto statistics_of = [&](value_id id) {
        return statistics == nullptr ? nullptr : &statistics->at(static_cast<std::size_t>(id));
    };
    return numbers_of(run_all(net, weights, statistics_of, batch, input_nchw));
}

/// Every value in evaluation mode.
inline std::vector<std::vector<double>> run(const network& net, const weight_reader& weights,
                                            const calibrated_statistics& statistics,
                                            std::int64_t batch, std::span<const float> input_nchw) {
    const auto statistics_of = [&](value_id id) { return &statistics.of(id); };
    return numbers_of(run_all(net, weights, statistics_of, batch, input_nchw));
}

/// What calibration on this one batch must measure: `by_node` of calibrated_statistics.
inline std::vector<norm_statistics> batch_statistics(const network& net,
                                                     const weight_reader& weights,
                                                     std::int64_t batch,
                                                     std::span<const float> input_nchw) {
    const auto of_the_batch = [](value_id) -> const norm_statistics* { return nullptr; };
    const auto values = run_all(net, weights, of_the_batch, batch, input_nchw);
    std::vector<norm_statistics> by_node(values.size());
    for (std::size_t i = 0; i < values.size(); ++i) {
        const node& n = net.nodes()[i];
        if (!std::holds_alternative<batch_norm_op>(n.operation)) continue;
        const moments m = moments_of(values.at(static_cast<std::size_t>(n.inputs.front())));
        by_node[i] = {{m.mean.begin(), m.mean.end()}, {m.variance.begin(), m.variance.end()}};
    }
    return by_node;
}

}  // namespace lathe::reference
