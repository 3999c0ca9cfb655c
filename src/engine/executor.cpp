// SPDX-License-Identifier: Apache-2.0
#include "lathe/engine/executor.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cstring>

#include "engine/aligned_bytes.hpp"
#include "engine/lowering.hpp"
#include "lathe/core/error.hpp"
#include "lathe/core/order_statistics.hpp"

namespace lathe {
namespace {

using detail::aligned_bytes;

void check_statistics(const network& net, const calibrated_statistics& statistics) {
    if (statistics.network_identity() == net.identity_hash()) return;
    throw error(errc::not_calibrated, "executor",
                fmt::format("statistics of network {} for network {}",
                            to_hex(statistics.network_identity()), to_hex(net.identity_hash())),
                "recalibrate this very network");
}

value_id one_of(const std::vector<value_id>& values, std::size_t index, const char* what) {
    if (index < values.size()) return values[index];
    throw error(errc::bad_input, "executor",
                fmt::format("{} {} of a network with {}", what, index, values.size()),
                "count from 0");
}

/// What all streams share: the recipes and the packed weights.
struct shared_part {
    shared_part(const network& net, const weight_reader& weights,
                const calibrated_statistics& statistics, const deployment& target,
                memory_pages of)
        : lowered(detail::lower_network(net, target)),
          pages(of),
          packed(static_cast<std::size_t>(lowered.plan.weight_bytes.value), of) {
        for (const auto in : net.inputs()) inputs.push_back(in);
        for (const auto& out : net.outputs()) outputs.push_back(out.value);
        for (const auto& n : net.nodes()) floats.push_back(element_count(n.type, target.batch));
        for (std::size_t i = 0; i < lowered.recipes.size(); ++i) {
            const auto& r = lowered.recipes[i];
            if (r.pack) r.pack(weights, statistics, packed.data() + lowered.weight_offsets[i]);
        }
    }

    detail::lowered_network lowered;
    memory_pages pages;
    aligned_bytes packed;
    std::vector<value_id> inputs;
    std::vector<value_id> outputs;
    std::vector<std::int64_t> floats;  ///< elements of every value
};

}  // namespace

struct executor::state {
    state(std::shared_ptr<const shared_part> s, std::span<std::byte> given)
        : shared(std::move(s)),
          own(given.empty() ? needed() : 0, shared->pages),
          stream(detail::cpu_engine()) {
        constexpr std::size_t alignment = aligned_bytes::line;
        arena = given.empty() ? own.data() : given.data();
        if (!given.empty() && (given.size() < needed() ||
                               reinterpret_cast<std::uintptr_t>(arena) % alignment != 0)) {
            throw error(errc::bad_input, "executor arena",
                        fmt::format("{} bytes, aligned: {}", given.size(),
                                    reinterpret_cast<std::uintptr_t>(arena) % alignment == 0),
                        fmt::format("give at least {} bytes aligned to {}", needed(), alignment));
        }
        const auto& lowered = shared->lowered;
        steps.resize(lowered.recipes.size());
        for (std::size_t i = 0; i < steps.size(); ++i) {
            const auto& plan = lowered.plan;
            const std::int32_t calls = touches_batch(plan.steps[i]) ? plan.tiles() : 1;
            for (std::int32_t tile = 0; tile < calls; ++tile) {
                steps[i].push_back(lowered.recipes[i].bind(memory_of(i, tile)));
            }
        }
    }

    /// Whether the step's operands are elsewhere in every tile.
    [[nodiscard]] bool touches_batch(const program_step& step) const {
        const auto of_batch = [&](std::int32_t id) {
            return shared->lowered.plan.buffers[static_cast<std::size_t>(id)].holds_batch();
        };
        return std::ranges::any_of(step.reads, of_batch) ||
               std::ranges::any_of(step.writes, of_batch);
    }
    [[nodiscard]] detail::step_memory memory_of(std::size_t step, std::int32_t tile) const {
        const auto& lowered = shared->lowered;
        const auto& recipe = lowered.recipes[step];
        detail::step_memory m;
        for (const auto in : recipe.inputs) m.inputs.push_back(value(in, tile));
        m.output = value(recipe.output, tile);
        if (lowered.scratch_of_step[step] >= 0) m.scratch = buffer(lowered.scratch_of_step[step]);
        m.weights = shared->packed.data() + lowered.weight_offsets[step];
        return m;
    }

    void call(std::size_t step, std::int32_t tile) const {
        const auto& calls = steps[step];
        calls[calls.size() == 1 ? 0 : static_cast<std::size_t>(tile)](stream);
    }
    [[nodiscard]] std::size_t needed() const {
        return static_cast<std::size_t>(shared->lowered.plan.plan.arena_bytes);
    }
    [[nodiscard]] std::byte* buffer(std::int32_t id) const {
        return arena + shared->lowered.plan.plan.offsets[static_cast<std::size_t>(id)];
    }
    [[nodiscard]] float* value(value_id v, std::int32_t tile) const {
        const auto& plan = shared->lowered.plan;
        const auto id = shared->lowered.buffer_of_value[static_cast<std::size_t>(v)];
        const auto& b = plan.buffers[static_cast<std::size_t>(id)];
        const std::int64_t slice = b.holds_batch() ? b.bytes / plan.tiles() * tile : 0;
        const std::int64_t before = shared->lowered.bytes_before_value[static_cast<std::size_t>(v)];
        return reinterpret_cast<float*>(buffer(id) + slice + before);
    }
    [[nodiscard]] std::span<float> span_of(value_id v) const {
        return {value(v, 0), static_cast<std::size_t>(shared->floats[static_cast<std::size_t>(v)])};
    }

    std::shared_ptr<const shared_part> shared;
    aligned_bytes own;
    std::byte* arena = nullptr;
    dnnl::stream stream;
    /// Of each step its calls: one for all tiles, or one for each.
    std::vector<std::vector<detail::bound_step>> steps;
};

executor::executor(const network& net, const weight_reader& weights,
                   const calibrated_statistics& statistics, const deployment& target,
                   std::span<std::byte> arena, memory_pages pages) {
    check_statistics(net, statistics);
    state_ = std::make_unique<state>(
        std::make_shared<const shared_part>(net, weights, statistics, target, pages), arena);
}

executor::executor(std::unique_ptr<state> s) noexcept : state_(std::move(s)) {}
executor::~executor() = default;
executor::executor(executor&&) noexcept = default;
executor& executor::operator=(executor&&) noexcept = default;

executor executor::stream(std::span<std::byte> arena) const {
    return executor(std::make_unique<state>(state_->shared, arena));
}

std::span<float> executor::input(std::size_t index) {
    return state_->span_of(one_of(state_->shared->inputs, index, "input"));
}

std::span<const float> executor::output(std::size_t index) const {
    return state_->span_of(one_of(state_->shared->outputs, index, "output"));
}

const program& executor::plan() const noexcept { return state_->shared->lowered.plan; }

void executor::run() {
    const detail::thread_scope threads(plan().target.threads);
    for (std::int32_t tile = 0; tile < plan().tiles(); ++tile) {
        for (std::size_t i = 0; i < state_->steps.size(); ++i) state_->call(i, tile);
    }
}

std::vector<nanoseconds> executor::time_steps(int repeats) {
    using clock = std::chrono::steady_clock;
    if (repeats < 1) {
        throw error(errc::bad_input, "time_steps", fmt::format("{} repeats measure nothing", repeats),
                    "give at least 1");
    }
    const detail::thread_scope threads(plan().target.threads);
    const std::size_t steps = state_->steps.size();
    const auto rounds = static_cast<std::size_t>(repeats);
    std::vector<std::vector<double>> samples(steps, std::vector<double>(rounds));
    for (std::size_t r = 0; r < rounds; ++r) {
        for (std::int32_t tile = 0; tile < plan().tiles(); ++tile) {
            for (std::size_t i = 0; i < steps; ++i) {
                const auto start = clock::now();
                state_->call(i, tile);
                samples[i][r] +=
                    std::chrono::duration<double, std::nano>(clock::now() - start).count();
            }
        }
    }
    std::vector<nanoseconds> medians;
    for (const auto& s : samples) medians.emplace_back(median(s));
    return medians;
}

}  // namespace lathe
