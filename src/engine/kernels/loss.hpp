// SPDX-License-Identifier: Apache-2.0
// Softmax and its cross-entropy against labels or soft targets.
#pragma once

#include <cstdint>

namespace lathe::kernels {

struct classification_shape {
    std::int64_t batch;
    std::int64_t classes;
};

/// probabilities[batch][classes] = softmax(logits); may work in place.
void softmax(const classification_shape& shape, const float* logits, float* probabilities);

/// Mean over the batch of -sum_c t_c log softmax(logits)_c with t = 1 - smoothing on the label plus
/// smoothing / classes everywhere. gradient[batch][classes] = (softmax(logits) - t) / batch; may be
/// logits. A NaN (or +infinity) among the logits gives a NaN loss. Throws error (bad_input) if a
/// label is outside [0, classes).
[[nodiscard]] double softmax_cross_entropy(const classification_shape& shape, const float* logits,
                                           const std::int32_t* labels, float smoothing,
                                           float* gradient);

/// The same against target probabilities [batch][classes], each row of sum 1 (for example the
/// softmax of a teacher's logits).
[[nodiscard]] double softmax_cross_entropy(const classification_shape& shape, const float* logits,
                                           const float* targets, float* gradient);

}  // namespace lathe::kernels
