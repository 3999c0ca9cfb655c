// SPDX-License-Identifier: Apache-2.0
// A training state in one safetensors file.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>

#include "lathe/data/loader.hpp"
#include "lathe/supernet/weight_store.hpp"

namespace lathe {

/// Everything besides the weights that the next step depends on.
struct training_state {
    std::int64_t step = 0;
    double seconds = 0.0;
    batch_position position;
    int roll_backs = 0;
    std::string settings;  ///< digest of the settings, networks and data that the state belongs to
};

struct checkpoint {
    training_state state;
    std::map<std::string, weight_tensor> tensors;  ///< gradients are zero
};

/// Values, momentum and roles of all tensors and the state; whole or not at all.
void save_checkpoint(const std::filesystem::path& path, const weight_store& weights,
                     const training_state& state);

/// Throws bad_input, naming file and tensor or key, for a file that save_checkpoint did not write,
/// and what safetensors_file throws.
[[nodiscard]] checkpoint load_checkpoint(const std::filesystem::path& path);

}  // namespace lathe
