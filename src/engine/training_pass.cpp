// SPDX-License-Identifier: Apache-2.0
#include "lathe/engine/training_pass.hpp"

#include <fmt/format.h>
#include <sys/mman.h>

#include <chrono>
#include <cstring>
#include <new>

#include "engine/kernels/elementwise.hpp"
#include "engine/training_plan.hpp"
#include "lathe/core/error.hpp"

namespace lathe {
namespace {

/// More than the shapes of any preset's layers; each entry takes some tens of kilobytes.
constexpr std::size_t cached_primitives = 8192;

class stopwatch {
public:
    explicit stopwatch(double& total) : total_(total), start_(std::chrono::steady_clock::now()) {}
    ~stopwatch() {
        total_ += std::chrono::duration<double>(std::chrono::steady_clock::now() - start_).count();
    }
    stopwatch(const stopwatch&) = delete;
    stopwatch& operator=(const stopwatch&) = delete;

private:
    double& total_;
    std::chrono::steady_clock::time_point start_;
};

/// Memory that grows and is kept. On huge pages where the system has them: large batch norms gain a
/// third from fewer address translations.
class growing_arena {
public:
    std::byte* reserve(std::int64_t bytes) {
        if (bytes > size_) {
            memory_.reset();
            memory_.reset(static_cast<std::byte*>(
                ::operator new(static_cast<std::size_t>(bytes), std::align_val_t(page))));
            size_ = bytes;
            madvise(memory_.get(), static_cast<std::size_t>(bytes), MADV_HUGEPAGE);
        }
        return memory_.get();
    }
    [[nodiscard]] std::int64_t size() const noexcept { return size_; }

private:
    static constexpr std::size_t page = std::size_t{2} << 20;
    struct release {
        void operator()(std::byte* p) const noexcept {
            ::operator delete(p, std::align_val_t(page));
        }
    };
    std::unique_ptr<std::byte, release> memory_;
    std::int64_t size_ = 0;
};

}  // namespace

struct training_pass::state {
    explicit state(int t)
        : threads(t), primitives(cached_primitives, counters), stream(detail::cpu_engine()) {}

    [[nodiscard]] float* at(detail::slot s) const {
        if (s < 0) return nullptr;
        return reinterpret_cast<float*>(memory +
                                        plan.memory.offsets[static_cast<std::size_t>(s)]);
    }
    [[nodiscard]] const float* value(value_id v) const {
        const auto s = plan.value[static_cast<std::size_t>(v)];
        return s < 0 ? images.data() : at(s);
    }

    void run_forward(std::size_t i) {
        const auto& layer = plan.layers[i];
        detail::forward_memory m;
        for (const auto in : layer.inputs) m.inputs.push_back(value(in));
        m.output = at(plan.value[static_cast<std::size_t>(layer.output)]);
        m.saved = at(plan.saved[i]);
        m.scratch = at(plan.forward_scratch[i]);
        m.statistics = &statistics[static_cast<std::size_t>(layer.first)];
        const stopwatch watch(counters.kernel_seconds);
        layer.recipe.forward(m);
    }

    void run_backward(std::size_t i) {
        using detail::delivery;
        const auto& layer = plan.layers[i];
        detail::backward_memory m;
        for (const auto in : layer.inputs) m.inputs.push_back(value(in));
        m.output = value(layer.output);
        m.diff_output = at(plan.gradient[static_cast<std::size_t>(layer.output)]);
        m.saved = at(plan.saved[i]);
        m.scratch = at(plan.backward_scratch[i]);
        const stopwatch watch(counters.kernel_seconds);
        if (layer.recipe.passes_gradient) return pass_gradient(i, m.diff_output);
        for (std::size_t k = 0; k < layer.inputs.size(); ++k) {
            const auto way = plan.deliveries[i][k];
            const bool aside = way == delivery::add_after || way == delivery::discard;
            float* target = aside ? at(plan.temporary[i][k])
                                  : at(plan.gradient[static_cast<std::size_t>(layer.inputs[k])]);
            m.diff_inputs.push_back(
                {way == delivery::none ? nullptr : target, way == delivery::accumulate});
        }
        layer.recipe.backward(m);
        for (std::size_t k = 0; k < layer.inputs.size(); ++k) {
            if (plan.deliveries[i][k] != delivery::add_after) continue;
            const value_id in = layer.inputs[k];
            kernels::add_inplace(element_count(net->at(in).type, batch), at(plan.temporary[i][k]),
                                 at(plan.gradient[static_cast<std::size_t>(in)]));
        }
    }

    /// An add hands its gradient on unchanged.
    void pass_gradient(std::size_t i, const float* diff_output) {
        const auto& layer = plan.layers[i];
        const auto count = element_count(net->at(layer.output).type, batch);
        for (std::size_t k = 0; k < layer.inputs.size(); ++k) {
            float* to = at(plan.gradient[static_cast<std::size_t>(layer.inputs[k])]);
            if (plan.deliveries[i][k] == detail::delivery::write) {
                std::memcpy(to, diff_output, static_cast<std::size_t>(count) * sizeof(float));
            } else if (plan.deliveries[i][k] == detail::delivery::accumulate) {
                kernels::add_inplace(count, diff_output, to);
            }
        }
    }

    void reset_statistics() {
        statistics.clear();
        for (const auto& n : net->nodes()) {
            const bool keeps = std::holds_alternative<batch_norm_op>(n.operation);
            const auto channels = keeps ? static_cast<std::size_t>(n.type.dims[1].size()) : 0;
            statistics.push_back({std::vector<float>(channels), std::vector<float>(channels)});
        }
    }

    int threads;
    pass_counters counters;
    detail::primitive_cache primitives;
    dnnl::stream stream;
    growing_arena arena;

    // The last forward pass.
    const network* net = nullptr;
    parameter_access access;
    std::int64_t batch = 0;
    pass_kind kind = pass_kind::statistics;
    std::span<const float> images;
    detail::training_plan plan;
    std::byte* memory = nullptr;
    std::vector<norm_statistics> statistics;
};

training_pass::training_pass(int threads) {
    if (threads < 1) {
        throw error(errc::bad_input, "training pass", fmt::format("{} threads", threads),
                    "give at least 1");
    }
    state_ = std::make_unique<state>(threads);
}
training_pass::~training_pass() = default;
training_pass::training_pass(training_pass&&) noexcept = default;
training_pass& training_pass::operator=(training_pass&&) noexcept = default;

std::span<const float> training_pass::forward(const network& net, const parameter_access& access,
                                              std::span<const float> images, int batch,
                                              pass_kind kind) {
    state& s = *state_;
    const detail::thread_scope threads(s.threads);
    s.kind = pass_kind::statistics;  // until this pass is complete, there is none to go back through
    if (batch < 1) {
        throw error(errc::bad_input, "training pass", fmt::format("a batch of {}", batch),
                    "give at least 1");
    }
    const value_id in = net.inputs()[0];
    const auto needed = static_cast<std::size_t>(element_count(net.at(in).type, batch));
    if (net.inputs().size() != 1 || images.size() != needed) {
        throw error(errc::shape, "training pass",
                    fmt::format("{} floats for {} inputs of type {} and batch {}", images.size(),
                                net.inputs().size(), to_string(net.at(in).type), batch),
                    fmt::format("give {} floats for one input", needed));
    }
    s.net = &net;
    s.access = access;
    s.batch = batch;
    s.images = images;
    s.plan = detail::plan_training(
        {net, batch, s.threads, s.access, s.primitives, s.stream}, kind);
    s.memory = s.arena.reserve(s.plan.memory.arena_bytes);
    s.counters.arena_bytes = s.arena.size();
    s.reset_statistics();
    for (std::size_t i = 0; i < s.plan.layers.size(); ++i) s.run_forward(i);
    s.kind = kind;
    const value_id out = net.outputs()[0].value;
    return {s.value(out), static_cast<std::size_t>(element_count(net.at(out).type, batch))};
}

void training_pass::backward(std::span<const float> output_gradient) {
    state& s = *state_;
    if (s.net == nullptr || s.kind != pass_kind::training) {
        throw error(errc::bad_input, "training pass", "backward without a training forward",
                    "call forward() with pass_kind::training first");
    }
    const detail::thread_scope threads(s.threads);
    const value_id out = s.net->outputs()[0].value;
    const auto count = static_cast<std::size_t>(element_count(s.net->at(out).type, s.batch));
    if (output_gradient.size() != count) {
        throw error(errc::shape, "training pass",
                    fmt::format("a gradient of {} floats for an output of {}",
                                output_gradient.size(), count));
    }
    s.kind = pass_kind::statistics;  // gradients take the place of what forward() saved
    std::memcpy(s.at(s.plan.gradient[static_cast<std::size_t>(out)]), output_gradient.data(),
                count * sizeof(float));
    for (std::size_t i = s.plan.layers.size(); i-- > 0;) {
        if (s.plan.goes_back(i)) s.run_backward(i);
    }
}

const std::vector<norm_statistics>& training_pass::batch_statistics() const noexcept {
    return state_->statistics;
}

const pass_counters& training_pass::counters() const noexcept { return state_->counters; }

}  // namespace lathe
