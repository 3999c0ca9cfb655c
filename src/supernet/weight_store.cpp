// SPDX-License-Identifier: Apache-2.0
#include "lathe/supernet/weight_store.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <numeric>

#include "engine/kernels/muon.hpp"
#include "engine/kernels/sgd.hpp"
#include "lathe/core/error.hpp"
#include "lathe/core/rng.hpp"
#include "lathe/network/region_copy.hpp"

namespace lathe {
namespace {

std::int64_t product(const std::vector<std::int64_t>& shape, std::size_t from) {
    return std::accumulate(shape.begin() + static_cast<std::ptrdiff_t>(from), shape.end(),
                           std::int64_t{1}, std::multiplies<>());
}

void initialise(weight_tensor& t, rng random) {
    const auto fan_in = static_cast<double>(product(t.shape, 1));
    switch (t.role) {
        case param_role::conv_weight:
            for (auto& v : t.value) v = static_cast<float>(random.normal() * std::sqrt(2.0 / fan_in));
            break;
        case param_role::linear_weight:
            for (auto& v : t.value) {
                v = static_cast<float>((2.0 * random.real() - 1.0) / std::sqrt(fan_in));
            }
            break;
        case param_role::norm_scale: std::fill(t.value.begin(), t.value.end(), 1.0F); break;
        case param_role::norm_shift:
        case param_role::bias: break;
    }
}

weight_tensor new_tensor(const parameter& p, std::uint64_t seed) {
    weight_tensor t;
    t.shape = p.ref->full_shape;
    t.role = p.role;
    const auto size = static_cast<std::size_t>(product(t.shape, 0));
    t.value.assign(size, 0.0F);
    t.gradient.assign(size, 0.0F);
    t.velocity.assign(size, 0.0F);
    hasher name;
    name.add(p.ref->tensor);
    for (const auto extent : t.shape) name.add(static_cast<std::uint64_t>(extent));
    initialise(t, rng(seed, name.value()));
    return t;
}

bool decays(param_role role) {
    return role == param_role::conv_weight || role == param_role::linear_weight;
}

/// The tensor of a network that was added.
template <class Tensors>
auto& added(Tensors& tensors, const param_ref& ref) {
    const auto it = tensors.find(ref.tensor);
    if (it == tensors.end() || it->second.shape != ref.full_shape) {
        throw error(errc::bad_input, fmt::format("tensor '{}'", ref.tensor),
                    "is not in the weight store with this shape", "add the network first");
    }
    return it->second;
}

/// 1 where any region covers, 0 elsewhere.
std::vector<float> coverage(const weight_tensor& t) {
    std::vector<float> covered(t.value.size(), 0.0F);
    for (const auto& region : t.used) {
        const std::vector<float> ones(static_cast<std::size_t>(product(region.shape, 0)), 1.0F);
        scatter_add(region, t.shape, ones, covered);
    }
    return covered;
}

/// Depthwise kernels are no matrices: each channel has its own.
bool is_matrix(const weight_tensor& t) {
    return t.role == param_role::conv_weight && t.shape[1] > 1;
}

kernels::muon_matrix as_matrix(const weight_tensor& t, std::span<float> velocity,
                               std::span<float> value) {
    const std::int64_t rows = t.shape.front();
    return {rows, product(t.shape, 1), t.gradient, velocity, value};
}

/// update(velocity, value) on copies that are zero outside of what was used; the rest stays.
template <class Update>
void update_part(weight_tensor& t, const Update& update) {
    const auto covered = coverage(t);
    auto value = t.value;
    auto velocity = t.velocity;
    for (std::size_t i = 0; i < covered.size(); ++i) {
        if (covered[i] == 0.0F) value[i] = velocity[i] = 0.0F;
    }
    update(std::span(velocity), std::span(value));
    for (std::size_t i = 0; i < covered.size(); ++i) {
        if (covered[i] == 0.0F) continue;
        t.value[i] = value[i];
        t.velocity[i] = velocity[i];
    }
}

}  // namespace

void weight_store::add(const network& net) {
    for (const auto& n : net.nodes()) {
        for (const auto& p : parameters_of(n.operation)) {
            const auto known = tensors_.find(p.ref->tensor);
            if (known == tensors_.end()) {
                tensors_.emplace(p.ref->tensor, new_tensor(p, seed_));
            } else if (known->second.shape != p.ref->full_shape) {
                throw error(
                    errc::shape, fmt::format("tensor '{}'", p.ref->tensor),
                    fmt::format("layer '{}' says its full shape is [{}], the store has [{}]",
                                n.name, fmt::join(p.ref->full_shape, ","),
                                fmt::join(known->second.shape, ",")),
                    "give the shared tensor one full shape in the whole space");
            }
        }
    }
}

parameter_access weight_store::access() {
    return [this](const param_ref& ref) {
        weight_tensor& t = added(tensors_, ref);
        return parameter_memory{t.value.data(), t.gradient.data()};
    };
}

weight_reader weight_store::reader() const {
    return [this](const param_ref& ref, std::span<float> out) {
        gather(resolve(ref), ref.full_shape, added(tensors_, ref).value, out);
    };
}

void weight_store::start_step() {
    for (auto& [name, t] : tensors_) {
        if (t.used.empty()) continue;
        std::fill(t.gradient.begin(), t.gradient.end(), 0.0F);
        t.used.clear();
    }
}

void weight_store::use(const network& net) {
    for (const auto& n : net.nodes()) {
        for (const auto& p : parameters_of(n.operation)) {
            weight_tensor& t = added(tensors_, *p.ref);
            const bool all = !t.used.empty() && t.used.front().is_whole(t.shape);
            if (all) continue;
            auto region = resolve(*p.ref);
            if (region.is_whole(t.shape)) t.used.clear();
            t.used.push_back(std::move(region));
        }
    }
}

double weight_store::gradient_norm() const {
    double sum = 0.0;
    for (const auto& [name, t] : tensors_) {
        if (!t.used.empty()) sum += kernels::sum_of_squares(t.gradient);
    }
    return std::sqrt(sum);
}

bool weight_store::apply(const update_settings& settings) {
    const double norm = gradient_norm();
    if (!std::isfinite(norm)) return false;
    float scale = 1.0F;
    if (settings.clip_norm > 0.0F && norm > settings.clip_norm) {
        scale = static_cast<float>(settings.clip_norm / norm);
    }
    const kernels::muon_settings muon{settings.matrix_rate, settings.momentum, scale};
    std::vector<kernels::muon_matrix> matrices;
    for (auto& [name, t] : tensors_) {
        if (t.used.empty()) continue;
        const kernels::sgd_settings sgd{settings.learning_rate, settings.momentum,
                               decays(t.role) ? settings.weight_decay : 0.0F, scale};
        const bool by_matrix = settings.matrix_rate > 0.0F && is_matrix(t);
        if (!t.used.front().is_whole(t.shape)) {
            update_part(t, [&](std::span<float> velocity, std::span<float> value) {
                if (by_matrix) {
                    const auto one = as_matrix(t, velocity, value);
                    kernels::muon_step(muon, {&one, 1});
                } else {
                    kernels::sgd_step(sgd, t.gradient, velocity, value);
                }
            });
        } else if (by_matrix) {
            matrices.push_back(as_matrix(t, t.velocity, t.value));
        } else {
            kernels::sgd_step(sgd, t.gradient, t.velocity, t.value);
        }
    }
    kernels::muon_step(muon, matrices);
    return true;
}

hash64 weight_store::content_hash() const {
    hasher h;
    for (const auto& [name, t] : tensors_) {
        h.add(name);
        h.add_bytes(std::as_bytes(std::span(t.value)));
    }
    return h.value();
}

}  // namespace lathe
