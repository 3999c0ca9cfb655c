// SPDX-License-Identifier: Apache-2.0
// Plain loops in double: a classifier's last layer is small next to the rest of a training step.
#include "engine/kernels/loss.hpp"

#include <cmath>
#include <cstddef>
#include <limits>
#include <string>
#include <vector>

#include "lathe/core/error.hpp"

#include "engine/kernels/parallel.hpp"

namespace lathe::kernels {
namespace {

struct row_normalizer {
    double largest;
    double log_sum;  // of exp(logit - largest)
};

// A NaN anywhere makes log_sum NaN, wherever it stands in the row.
row_normalizer normalize_row(const float* logits, std::int64_t classes) {
    double largest = -std::numeric_limits<double>::infinity();
    for (std::int64_t c = 0; c < classes; ++c) {
        const double logit = logits[c];
        if (logit > largest) largest = logit;
    }
    double sum = 0;
    for (std::int64_t c = 0; c < classes; ++c) {
        sum += std::exp(static_cast<double>(logits[c]) - largest);
    }
    return {largest, std::log(sum)};
}

// target(row, class) is a probability. Losses are added in the order of the rows.
template <class Target>
double cross_entropy(const classification_shape& shape, const float* logits, const Target& target,
                     float* gradient) {
    std::vector<double> losses(static_cast<std::size_t>(shape.batch));
    const auto batch = static_cast<double>(shape.batch);
    parallel_for(shape.batch, [&](std::int64_t n) {
        const float* const row = logits + n * shape.classes;
        const row_normalizer norm = normalize_row(row, shape.classes);
        double loss = 0;
        for (std::int64_t c = 0; c < shape.classes; ++c) {
            const double log_probability =
                static_cast<double>(row[c]) - norm.largest - norm.log_sum;
            const double wanted = target(n, c);
            // 0 * -infinity would be NaN: an impossible class that nobody wants costs nothing.
            if (wanted != 0 || std::isnan(log_probability)) loss -= wanted * log_probability;
            gradient[n * shape.classes + c] =
                static_cast<float>((std::exp(log_probability) - wanted) / batch);
        }
        losses[static_cast<std::size_t>(n)] = loss;
    }, shape.batch * shape.classes > 10000);
    double total = 0;
    for (const double loss : losses) total += loss;
    return total / batch;
}

}  // namespace

void softmax(const classification_shape& shape, const float* logits, float* probabilities) {
    parallel_for(shape.batch, [&](std::int64_t n) {
        const float* const row = logits + n * shape.classes;
        const row_normalizer norm = normalize_row(row, shape.classes);
        for (std::int64_t c = 0; c < shape.classes; ++c) {
            probabilities[n * shape.classes + c] = static_cast<float>(
                std::exp(static_cast<double>(row[c]) - norm.largest - norm.log_sum));
        }
    }, shape.batch * shape.classes > 10000);
}

double softmax_cross_entropy(const classification_shape& shape, const float* logits,
                             const std::int32_t* labels, float smoothing, float* gradient) {
    for (std::int64_t n = 0; n < shape.batch; ++n) {
        if (labels[n] < 0 || labels[n] >= shape.classes) {
            throw error(errc::bad_input, "softmax_cross_entropy",
                        "label " + std::to_string(labels[n]) + " of sample " + std::to_string(n),
                        "labels are from 0 to " + std::to_string(shape.classes - 1));
        }
    }
    const double everywhere = static_cast<double>(smoothing) / static_cast<double>(shape.classes);
    const double on_label = 1.0 - static_cast<double>(smoothing) + everywhere;
    const auto target = [&](std::int64_t n, std::int64_t c) {
        return c == labels[n] ? on_label : everywhere;
    };
    return cross_entropy(shape, logits, target, gradient);
}

double softmax_cross_entropy(const classification_shape& shape, const float* logits,
                             const float* targets, float* gradient) {
    const auto target = [&](std::int64_t n, std::int64_t c) {
        return static_cast<double>(targets[n * shape.classes + c]);
    };
    return cross_entropy(shape, logits, target, gradient);
}

}  // namespace lathe::kernels
