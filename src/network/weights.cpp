// SPDX-License-Identifier: Apache-2.0
#include "lathe/network/weights.hpp"

#include "lathe/core/rng.hpp"

namespace lathe {

weight_reader arbitrary_weights() {
    return [](const param_ref& ref, std::span<float> out) {
        rng random(hasher().add(ref.tensor).value());
        for (auto& value : out) value = static_cast<float>(random.real() - 0.5) * 0.5F;
    };
}

}  // namespace lathe
