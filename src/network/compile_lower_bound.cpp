// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cstddef>
#include <optional>
#include <utility>
#include <variant>

#include "lathe/network/program.hpp"
#include "network/batch_tile.hpp"
#include "network/operation_key.hpp"
#include "network/operator_order.hpp"
#include "network/readers.hpp"

namespace lathe {
namespace {

constexpr std::int64_t alignment = 64;

std::size_t at(std::int32_t i) { return static_cast<std::size_t>(i); }

class assembler {
public:
    assembler(const network& net, const deployment& target)
        : net_(net), execution_(detail::plan_execution(net)) {
        result_.structure = net.structure_hash();
        result_.target = target;
        result_.tile = detail::batch_tile(net, target);
        buffer_of_.assign(net.nodes().size(), -1);
        last_reader_.assign(net.nodes().size(), -1);
        for (std::size_t g = 0; g < execution_.groups.size(); ++g) {
            for (const auto in : detail::reads_of(net_, execution_.groups[g])) {
                last_reader_[at(in)] = static_cast<std::int32_t>(g);
            }
        }
    }

    program run() && {
        for (const auto in : net_.inputs()) new_buffer(in, buffer_kind::input, 0);
        for (std::size_t g = 0; g < execution_.groups.size(); ++g) {
            add_step(execution_.groups[g], static_cast<std::int32_t>(g));
        }
        const auto end = std::max(static_cast<std::int32_t>(execution_.groups.size()) - 1, 0);
        for (const auto& out : net_.outputs()) {
            buffer& b = buffer_of(out.value);
            b.kind = buffer_kind::output;
            b.last_step = end;
        }
        detail::widen_to_batch(result_);
        std::vector<planned_buffer> planned;
        for (const auto& b : result_.buffers) {
            planned.push_back({b.bytes, b.first_step, b.last_step});
        }
        result_.plan = plan_memory(planned, alignment);
        return std::move(result_);
    }

private:
    buffer& buffer_of(value_id value) { return result_.buffers[at(buffer_of_[at(value)])]; }

    void new_buffer(value_id value, buffer_kind kind, std::int32_t step) {
        buffer_of_[at(value)] = static_cast<std::int32_t>(result_.buffers.size());
        result_.buffers.push_back({net_.at(value).name, kind,
                                   byte_size(net_.at(value).type, result_.tile), step, step});
    }

    /// A value whose memory the group overwrites.
    [[nodiscard]] std::optional<value_id> overwritten(const detail::layer_group& g, std::int32_t step) const {
        for (const auto value : detail::overwritable_by(net_, g)) {
            if (last_reader_[at(value)] == step && !detail::is_output(net_, value)) return value;
        }
        return {};
    }

    void place(const detail::layer_group& g, std::int32_t step) {
        if (const auto source = overwritten(g, step)) {
            buffer_of_[at(g.result())] = buffer_of_[at(*source)];
            return;
        }
        const value_id whole = detail::place_of(execution_.slices, g.result()).whole;
        open_buffer(whole, step);
        buffer_of_[at(g.result())] = buffer_of_[at(whole)];
    }
    /// From this step on, or from an earlier one that wrote a slice.
    void open_buffer(value_id value, std::int32_t step) {
        if (buffer_of_[at(value)] < 0) {
            new_buffer(value, buffer_kind::activation, step);
        } else {
            buffer_of(value).last_step = step;
        }
    }

    void add_step(const detail::layer_group& g, std::int32_t step) {
        program_step info;
        info.name = net_.at(g.result()).name;
        info.nodes = g.nodes;
        info.operation = detail::operation_key(net_, execution_.slices, g.nodes, result_.tile);
        for (const auto in : detail::reads_of(net_, g)) {
            if (execution_.slices.contains(in)) continue;
            info.reads.push_back(buffer_of_[at(in)]);
            info.traffic += byte_count(byte_size(net_.at(in).type, result_.target.batch));
            buffer_of(in).last_step = step;
        }
        place(g, step);
        info.writes.push_back(buffer_of_[at(g.result())]);
        const byte_count weights = weight_bytes(g);
        info.traffic += byte_count(
            detail::bytes_written(net_, execution_.slices, g.result(), result_.target.batch));
        info.traffic += byte_count(weights.value * result_.tiles());
        result_.weight_bytes += weights;
        for (const auto id : g.nodes) {
            info.macs += mac_count(node_macs(net_, net_.at(id)).value * result_.target.batch);
        }
        result_.steps.push_back(std::move(info));
    }

    /// A folded batch norm leaves one bias per channel.
    [[nodiscard]] byte_count weight_bytes(const detail::layer_group& g) const {
        const node& anchor = net_.at(g.anchor());
        std::int64_t bytes = 0;
        for (const auto& p : parameters_of(anchor.operation)) {
            bytes += element_count(*p.ref) * size_of(p.ref->element);
        }
        const auto* conv = std::get_if<conv2d_op>(&anchor.operation);
        if (conv != nullptr && !conv->bias && g.norm >= 0) {
            bytes += anchor.type.dims[1].size() * size_of(anchor.type.element);
        }
        return byte_count(bytes);
    }

    const network& net_;
    detail::execution execution_;
    program result_;
    std::vector<std::int32_t> buffer_of_;    ///< per value; -1: it only lives inside a step
    std::vector<std::int32_t> last_reader_;  ///< per value: a step, -1: none
};

}  // namespace

program compile_lower_bound(const network& net, const deployment& target) {
    validate(target);
    return assembler(net, target).run();
}

}  // namespace lathe
