// SPDX-License-Identifier: Apache-2.0
#include "lathe/engine/training_pass.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cstring>
#include <limits>
#include <optional>

#include "engine/aligned_bytes.hpp"
#include "engine/kernels/elementwise.hpp"
#include "engine/training_plan.hpp"
#include "lathe/core/error.hpp"
#include "lathe/core/text.hpp"

namespace lathe {
namespace {

/// More than the shapes of any preset's layers; each entry takes some tens of kilobytes.
constexpr std::size_t cached_primitives = 8192;

void check_batch(int batch) {
    if (batch >= 1) return;
    throw error(errc::bad_input, "training pass", fmt::format("a batch of {}", batch),
                "give at least 1");
}

void check_images(const network& net, std::span<const float> images, std::int64_t batch) {
    const tensor_type& type = net.at(net.inputs()[0]).type;
    const auto needed = static_cast<std::size_t>(element_count(type, batch));
    if (net.inputs().size() == 1 && images.size() == needed) return;
    throw error(errc::shape, "training pass",
                fmt::format("{} floats for {} inputs of type {} and batch {}", images.size(),
                            net.inputs().size(), to_string(type), batch),
                fmt::format("give {} floats for one input", needed));
}

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
            memory_ = {};  // before the new one is taken, which may fail
            size_ = 0;
            memory_ = {static_cast<std::size_t>(bytes), memory_pages::huge};
            size_ = bytes;
        }
        return memory_.data();
    }
    [[nodiscard]] std::int64_t size() const noexcept { return size_; }

private:
    detail::aligned_bytes memory_;
    std::int64_t size_ = 0;
};

}  // namespace

struct training_pass::state {
    state(int t, element_type stored)
        : threads(t),
          image_type(stored),
          primitives(cached_primitives, counters),
          stream(detail::cpu_engine()) {}

    [[nodiscard]] detail::training_context context() {
        return {*net,       batch,  threads,    access,
                primitives, stream, image_type, arena.size()};
    }
    void check_arena() const {
        if (plan.memory.arena_bytes <= most_bytes) return;
        throw error(errc::bad_input, "training pass",
                    fmt::format("a batch of {} needs {} for feature maps, {} are allowed", batch,
                                format_bytes(static_cast<double>(plan.memory.arena_bytes)),
                                format_bytes(static_cast<double>(most_bytes))),
                    "lower the batch or allow more");
    }
    [[nodiscard]] void* at(detail::slot s) const {
        return s < 0 ? nullptr : memory + plan.memory.offsets[static_cast<std::size_t>(s)];
    }
    [[nodiscard]] float* floats_at(detail::slot s) const { return static_cast<float*>(at(s)); }
    [[nodiscard]] const void* value(value_id v) const {
        const auto s = plan.value[static_cast<std::size_t>(v)];
        return s < 0 ? images.data() : at(s);
    }
    [[nodiscard]] void* gradient(value_id v) const {
        return at(plan.gradient[static_cast<std::size_t>(v)]);
    }
    [[nodiscard]] bool is_float(value_id v) {
        return context().stored(net->at(v).type) == element_type::f32;
    }

    /// The planned pass on these images.
    std::span<const float> run(std::span<const float> given) {
        images = given;
        reset_statistics();
        round_images();
        for (std::size_t i = 0; i < plan.layers.size(); ++i) run_forward(i);
        kind = *planned;
        return float_output(net->outputs()[0].value);
    }
    void round_images() {
        const value_id in = net->inputs()[0];
        if (is_float(in)) return;
        kernels::convert(std::ssize(images), images.data(),
                         static_cast<kernels::bf16*>(at(plan.value[static_cast<std::size_t>(in)])));
    }
    std::span<const float> float_output(value_id out) {
        const auto count = element_count(net->at(out).type, batch);
        if (is_float(out)) {
            return {static_cast<const float*>(value(out)), static_cast<std::size_t>(count)};
        }
        output.resize(static_cast<std::size_t>(count));
        kernels::convert(count, static_cast<const kernels::bf16*>(value(out)), output.data());
        return output;
    }
    void take_gradient(value_id out, std::span<const float> given) {
        if (is_float(out)) {
            std::ranges::copy(given, static_cast<float*>(gradient(out)));
        } else {
            kernels::convert(std::ssize(given), given.data(),
                             static_cast<kernels::bf16*>(gradient(out)));
        }
    }
    void add(value_id v, const void* more, void* to) {
        const auto& type = net->at(v).type;
        detail::with_stored(context().stored(type), [&]<class T>(T) {
            kernels::add_inplace(element_count(type, batch), static_cast<const T*>(more),
                                 static_cast<T*>(to));
        });
    }

    [[nodiscard]] detail::given_moments moments_of(value_id v) const {
        const int maker = plan.maker(v);
        if (maker < 0) return {};
        const auto i = static_cast<std::size_t>(maker);
        return {floats_at(plan.moments[i]), plan.layers[i].recipe.moment_chunks};
    }

    void run_forward(std::size_t i) {
        const auto& layer = plan.layers[i];
        detail::forward_memory m;
        for (const auto in : layer.inputs) m.inputs.push_back(value(in));
        m.output = at(plan.value[static_cast<std::size_t>(layer.output)]);
        m.saved = floats_at(plan.saved[i]);
        m.scratch = floats_at(plan.forward_scratch[i]);
        m.statistics = &statistics[static_cast<std::size_t>(layer.norm)];
        m.output_moments = floats_at(plan.moments[i]);
        m.from_the_end = starts_from_the_end(i);
        if (layer.recipe.takes_moments) m.input_moments = moments_of(layer.inputs[0]);
        const stopwatch watch(counters.kernel_seconds);
        layer.recipe.forward(m);
    }

    /// Turns at each layer: what the one before has touched last is still in the cache.
    [[nodiscard]] static bool starts_from_the_end(std::size_t layer) { return layer % 2 == 1; }

    [[nodiscard]] bool leaves_unfinished(std::size_t i) const {
        const int maker = plan.maker(plan.layers[i].inputs[0]);
        return maker >= 0 && plan.unfinished_by[static_cast<std::size_t>(maker)] == static_cast<int>(i);
    }

    void run_backward(std::size_t i) {
        using detail::delivery;
        const auto& layer = plan.layers[i];
        detail::backward_memory m;
        for (const auto in : layer.inputs) m.inputs.push_back(value(in));
        m.output = value(layer.output);
        m.diff_output = gradient(layer.output);
        m.saved = floats_at(plan.saved[i]);
        m.scratch = floats_at(plan.backward_scratch[i]);
        m.from_the_end = starts_from_the_end(i);
        m.leave_unfinished = leaves_unfinished(i);
        if (const int behind = plan.unfinished_by[i]; behind >= 0) {
            m.unfinished = floats_at(plan.saved[static_cast<std::size_t>(behind)]);
        }
        const stopwatch watch(counters.kernel_seconds);
        if (layer.recipe.passes_gradient) return pass_gradient(i, m.diff_output);
        for (std::size_t k = 0; k < layer.inputs.size(); ++k) {
            const auto way = plan.deliveries[i][k];
            const bool aside = way == delivery::add_after || way == delivery::discard;
            void* target = aside ? at(plan.temporary[i][k]) : gradient(layer.inputs[k]);
            m.diff_inputs.push_back(
                {way == delivery::none ? nullptr : target, way == delivery::accumulate});
        }
        layer.recipe.backward(m);
        for (std::size_t k = 0; k < layer.inputs.size(); ++k) {
            if (plan.deliveries[i][k] != delivery::add_after) continue;
            add(layer.inputs[k], at(plan.temporary[i][k]), gradient(layer.inputs[k]));
        }
    }

    /// An add hands its gradient on unchanged.
    void pass_gradient(std::size_t i, const void* diff_output) {
        const auto& layer = plan.layers[i];
        const auto& type = net->at(layer.output).type;
        const auto bytes = element_count(type, batch) * size_of(context().stored(type));
        for (std::size_t k = 0; k < layer.inputs.size(); ++k) {
            void* to = gradient(layer.inputs[k]);
            if (plan.deliveries[i][k] == detail::delivery::write) {
                std::memcpy(to, diff_output, static_cast<std::size_t>(bytes));
            } else if (plan.deliveries[i][k] == detail::delivery::accumulate) {
                add(layer.output, diff_output, to);
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
    element_type image_type;
    std::int64_t most_bytes = std::numeric_limits<std::int64_t>::max();
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
    std::optional<pass_kind> planned;
    std::byte* memory = nullptr;
    std::vector<norm_statistics> statistics;
    std::vector<float> output;  ///< where it is not stored as floats
};

bool has_fast_bf16() {
    return (static_cast<unsigned>(dnnl::get_effective_cpu_isa()) &
            static_cast<unsigned>(dnnl::cpu_isa::avx512_core_bf16)) ==
           static_cast<unsigned>(dnnl::cpu_isa::avx512_core_bf16);
}

precision resolve(precision p) {
    if (p != precision::automatic) return p;
    return has_fast_bf16() ? precision::bf16 : precision::f32;
}

training_pass::training_pass(int threads, precision images) {
    if (threads < 1) {
        throw error(errc::bad_input, "training pass", fmt::format("{} threads", threads),
                    "give at least 1");
    }
    const bool rounds = resolve(images) == precision::bf16;
    if (rounds && !has_fast_bf16()) {
        throw error(errc::unsupported, "training pass", "this CPU has no bf16 instructions",
                    "use precision::automatic or precision::f32");
    }
    state_ = std::make_unique<state>(threads, rounds ? element_type::bf16 : element_type::f32);
}
training_pass::~training_pass() = default;
training_pass::training_pass(training_pass&&) noexcept = default;
training_pass& training_pass::operator=(training_pass&&) noexcept = default;

std::int64_t training_pass::arena_bytes(const network& net, int batch) {
    state& s = *state_;
    const detail::thread_scope threads(s.threads);
    check_batch(batch);
    const parameter_access nowhere = [](const param_ref&) { return parameter_memory{}; };
    const detail::training_context context{net,          batch,    s.threads,   nowhere,
                                           s.primitives, s.stream, s.image_type};
    return detail::plan_training(context, pass_kind::training).memory.arena_bytes;
}

void training_pass::bound_arena(std::int64_t bytes) noexcept { state_->most_bytes = bytes; }

std::span<const float> training_pass::forward(const network& net, const parameter_access& access,
                                              std::span<const float> images, int batch,
                                              pass_kind kind) {
    state& s = *state_;
    const detail::thread_scope threads(s.threads);
    s.kind = pass_kind::statistics;  // until this pass is complete, there is none to go back through
    s.planned.reset();
    check_batch(batch);
    check_images(net, images, batch);
    s.net = &net;
    s.access = access;
    s.batch = batch;
    s.plan = detail::plan_training(s.context(), kind);
    s.check_arena();
    s.memory = s.arena.reserve(s.plan.memory.arena_bytes);
    s.counters.arena_bytes = s.arena.size();
    s.planned = kind;
    return s.run(images);
}

std::span<const float> training_pass::forward_again(std::span<const float> images) {
    state& s = *state_;
    if (!s.planned) {
        throw error(errc::bad_input, "training pass", "forward_again without a forward pass",
                    "call forward() first");
    }
    const detail::thread_scope threads(s.threads);
    s.kind = pass_kind::statistics;
    check_images(*s.net, images, s.batch);
    return s.run(images);
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
    s.take_gradient(out, output_gradient);
    for (std::size_t i = s.plan.layers.size(); i-- > 0;) {
        if (s.plan.goes_back(i)) s.run_backward(i);
    }
}

const std::vector<norm_statistics>& training_pass::batch_statistics() const noexcept {
    return state_->statistics;
}

const pass_counters& training_pass::counters() const noexcept { return state_->counters; }

}  // namespace lathe
