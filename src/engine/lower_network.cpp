// SPDX-License-Identifier: Apache-2.0
// Program assembly: buffers, lifetimes, in-place steps, the plan.
#include <algorithm>

#include "engine/lowering.hpp"
#include "engine/runnable.hpp"
#include "lathe/engine/compile.hpp"
#include "network/batch_tile.hpp"
#include "network/operation_key.hpp"
#include "network/operator_order.hpp"
#include "network/readers.hpp"

namespace lathe::detail {
namespace {

constexpr std::int64_t alignment = 64;

std::int64_t aligned(std::int64_t bytes) { return (bytes + alignment - 1) / alignment * alignment; }

/// For every value the last group that reads it; outputs are read "after the end".
std::vector<std::int32_t> last_readers(const network& net, const std::vector<layer_group>& groups) {
    std::vector<std::int32_t> last(net.nodes().size(), -1);
    for (std::size_t g = 0; g < groups.size(); ++g) {
        for (const auto member : groups[g].nodes) {
            for (const auto in : net.at(member).inputs) {
                last[static_cast<std::size_t>(in)] = static_cast<std::int32_t>(g);
            }
        }
    }
    for (const auto& out : net.outputs()) {
        last[static_cast<std::size_t>(out.value)] = static_cast<std::int32_t>(groups.size());
    }
    return last;
}

class assembler {
public:
    assembler(const network& net, const deployment& target)
        : net_(net), target_(target), execution_(plan_execution(net)) {
        result_.plan.structure = net.structure_hash();
        result_.plan.target = target;
        result_.plan.tile = batch_tile(net, target);
        result_.plan.exact = true;
        result_.buffer_of_value.assign(net.nodes().size(), -1);
        result_.bytes_before_value.assign(net.nodes().size(), 0);
    }

    lowered_network run() && {
        const auto& groups = execution_.groups;
        last_reader_ = last_readers(net_, groups);
        const auto end = std::max(static_cast<std::int32_t>(groups.size()) - 1, 0);
        for (const auto in : net_.inputs()) new_buffer(in, buffer_kind::input, 0);
        for (std::size_t g = 0; g < groups.size(); ++g) {
            add_step(groups[g], static_cast<std::int32_t>(g));
        }
        for (const auto& out : net_.outputs()) buffer_of(out.value).last_step = end;
        widen_to_batch(result_.plan);
        std::vector<planned_buffer> planned;
        for (const auto& b : result_.plan.buffers) {
            planned.push_back({b.bytes, b.first_step, b.last_step});
        }
        result_.plan.plan = plan_memory(planned, alignment);
        result_.plan.weight_bytes = byte_count(weight_offset_);
        return std::move(result_);
    }

private:
    buffer& buffer_of(value_id value) {
        return result_.plan.buffers[static_cast<std::size_t>(
            result_.buffer_of_value[static_cast<std::size_t>(value)])];
    }

    void new_buffer(value_id value, buffer_kind kind, std::int32_t step) {
        result_.buffer_of_value[static_cast<std::size_t>(value)] =
            static_cast<std::int32_t>(result_.plan.buffers.size());
        result_.plan.buffers.push_back({net_.at(value).name, kind,
                                        byte_size(net_.at(value).type, result_.plan.tile), step, step});
    }

    [[nodiscard]] bool dies_at(value_id value, std::int32_t step) const {
        return last_reader_[static_cast<std::size_t>(value)] == step && !is_output(net_, value);
    }

    void add_step(const layer_group& group, std::int32_t step) {
        const auto added = group.added();
        const auto& anchor_inputs = net_.at(group.anchor()).inputs;
        const bool read_by_anchor =
            added && std::ranges::find(anchor_inputs, *added) != anchor_inputs.end();
        const lowering_context context{net_,
                                       group,
                                       result_.plan.tile,
                                       target_.threads,
                                       execution_.slices,
                                       added && !read_by_anchor && dies_at(*added, step)};
        step_recipe recipe = recipe_of(context);
        program_step info;
        info.name = net_.at(group.result()).name;
        info.nodes = group.nodes;
        info.operation = operation_key(net_, execution_.slices, group.nodes, result_.plan.tile);
        info.implementation = recipe.implementation;
        for (const auto in : recipe.inputs) {
            info.reads.push_back(result_.buffer_of_value[static_cast<std::size_t>(in)]);
            buffer_of(in).last_step = step;
        }
        place_output(recipe, step);
        info.writes.push_back(result_.buffer_of_value[static_cast<std::size_t>(recipe.output)]);
        add_scratch(recipe, info, step);
        for (const auto member : group.nodes) {
            info.macs += mac_count(node_macs(net_, net_.at(member)).value * target_.batch);
        }
        info.traffic = traffic(recipe);
        result_.weight_offsets.push_back(weight_offset_);
        weight_offset_ += aligned(recipe.weight_bytes);
        result_.plan.steps.push_back(std::move(info));
        result_.recipes.push_back(std::move(recipe));
    }

    static step_recipe recipe_of(const lowering_context& context) {
        try {
            return std::visit([&](const auto& o) { return lower(o, context); },
                              context.anchor().operation);
        } catch (const dnnl::error& e) {
            rethrow(e, context.anchor());
        }
    }

    void place_output(const step_recipe& recipe, std::int32_t step) {
        if (recipe.in_place >= 0) {
            const value_id source = recipe.inputs[static_cast<std::size_t>(recipe.in_place)];
            if (recipe.must_be_in_place || dies_at(source, step)) {
                result_.buffer_of_value[static_cast<std::size_t>(recipe.output)] =
                    result_.buffer_of_value[static_cast<std::size_t>(source)];
                buffer& b = buffer_of(recipe.output);
                b.last_step = step;
                if (b.kind == buffer_kind::activation && is_output(net_, recipe.output)) {
                    b.kind = buffer_kind::output;
                }
                return;
            }
        }
        const auto [whole, first_channel] = place_of(execution_.slices, recipe.output);
        open_buffer(whole, step);
        const auto value = static_cast<std::size_t>(recipe.output);
        result_.buffer_of_value[value] = result_.buffer_of_value[static_cast<std::size_t>(whole)];
        result_.bytes_before_value[value] = first_channel * size_of(net_.at(whole).type.element);
    }

    /// From this step on, or from an earlier one that wrote a slice.
    void open_buffer(value_id value, std::int32_t step) {
        if (result_.buffer_of_value[static_cast<std::size_t>(value)] >= 0) {
            buffer_of(value).last_step = step;
            return;
        }
        new_buffer(value, is_output(net_, value) ? buffer_kind::output : buffer_kind::activation,
                   step);
    }

    void add_scratch(const step_recipe& recipe, program_step& info, std::int32_t step) {
        if (recipe.scratch_bytes == 0) {
            result_.scratch_of_step.push_back(-1);
            return;
        }
        const auto id = static_cast<std::int32_t>(result_.plan.buffers.size());
        result_.plan.buffers.push_back({info.name + " scratch", buffer_kind::scratchpad,
                                        recipe.scratch_bytes, step, step});
        result_.scratch_of_step.push_back(id);
        info.reads.push_back(id);
        info.writes.push_back(id);
    }

    [[nodiscard]] byte_count traffic(const step_recipe& recipe) const {
        std::int64_t bytes = bytes_written(net_, execution_.slices, recipe.output, target_.batch);
        for (const auto in : recipe.inputs) bytes += byte_size(net_.at(in).type, target_.batch);
        return byte_count(bytes + recipe.weight_bytes * result_.plan.tiles());
    }

    const network& net_;
    deployment target_;
    execution execution_;
    lowered_network result_;
    std::vector<std::int32_t> last_reader_;
    std::int64_t weight_offset_ = 0;
};

}  // namespace

lowered_network lower_network(const network& net, const deployment& target) {
    validate(target);
    require_runnable(net);
    const thread_scope threads(target.threads);
    return assembler(net, target).run();
}

}  // namespace lathe::detail

namespace lathe {

program compile(const network& net, const deployment& target) {
    return detail::lower_network(net, target).plan;
}

}  // namespace lathe
