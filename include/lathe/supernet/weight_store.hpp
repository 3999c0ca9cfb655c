// SPDX-License-Identifier: Apache-2.0
// The weights of a supernet: base tensors by name, with gradients and momentum.
#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "lathe/engine/training_pass.hpp"
#include "lathe/network/network.hpp"
#include "lathe/network/weights.hpp"

namespace lathe {

/// One base tensor, dense and row-major. `velocity` is the momentum of the optimizer.
struct weight_tensor {
    std::vector<std::int64_t> shape;
    param_role role = param_role::conv_weight;
    std::vector<float> value;
    std::vector<float> gradient;
    std::vector<float> velocity;
    std::vector<param_region> used;  ///< what networks of this step have touched
};

/// SGD with Nesterov momentum. Decay applies to weights, not to norms and biases.
struct update_settings {
    float learning_rate = 0.1F;
    float momentum = 0.9F;
    float weight_decay = 0.0F;
    float clip_norm = 0.0F;  ///< largest norm of all gradients together; 0: not clipped
    /// Above 0, convolutions with several input channels a group follow Muon (Jordan et al. 2024)
    /// instead: a step turns their matrix (output channels, the rest), where it has no more rows
    /// than columns, by about this share of its norm, which it keeps, and a tall one by
    /// sqrt(columns / rows) of that. They have no decay then. Below 1.
    float matrix_rate = 0.0F;
};

/// Tensors come into being when a network that names them is added. Not thread-safe.
class weight_store {
public:
    explicit weight_store(std::uint64_t seed) : seed_(seed) {}

    /// Makes the tensors that are new; their values depend on (seed, name, full shape) alone:
    /// He normal for convolutions (He et al. 2015), uniform in +-1/sqrt(in) for linear layers, ones
    /// and zeros for norms and biases. Throws shape, naming the tensor, for another full shape than
    /// before.
    void add(const network& net);

    /// For training: values and gradients, of tensors that were added.
    [[nodiscard]] parameter_access access();
    /// For everything else. The store must outlive the reader.
    [[nodiscard]] weight_reader reader() const;

    /// Sets gradients to zero and forgets what was used.
    void start_step();
    /// Declares that this step trains `net`. Throws bad_input where it was not added.
    void use(const network& net);
    /// Norm of all gradients.
    [[nodiscard]] double gradient_norm() const;
    /// Updates what networks of this step used, and nothing else. False, with nothing changed,
    /// where the norm of the gradients is not finite.
    bool apply(const update_settings& settings);

    [[nodiscard]] const std::map<std::string, weight_tensor>& tensors() const noexcept {
        return tensors_;
    }
    [[nodiscard]] std::map<std::string, weight_tensor>& tensors() noexcept { return tensors_; }
    /// Values only: two stores with one hash compute the same.
    [[nodiscard]] hash64 content_hash() const;

private:
    std::uint64_t seed_;
    std::map<std::string, weight_tensor> tensors_;
};

}  // namespace lathe
