// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cstddef>
#include <optional>
#include <utility>
#include <variant>

#include "lathe/network/program.hpp"
#include "network/operation_key.hpp"

namespace lathe {
namespace {

constexpr std::int64_t alignment = 64;

std::size_t at(std::int32_t i) { return static_cast<std::size_t>(i); }

template <class Op>
bool is(const node& n) {
    return std::holds_alternative<Op>(n.operation);
}

bool is_output(const network& net, value_id value) {
    return std::any_of(net.outputs().begin(), net.outputs().end(),
                       [&](const network_output& o) { return o.value == value; });
}

/// Nodes computed by one step.
struct group {
    std::vector<value_id> nodes;
    std::optional<value_id> added;  ///< the other operand of a folded add

    [[nodiscard]] value_id anchor() const { return nodes.front(); }
    [[nodiscard]] value_id result() const { return nodes.back(); }
};

bool can_fold(const network& net, const group& g, value_id next) {
    const node& n = net.at(next);
    const node& anchor = net.at(g.anchor());
    if (net.users(g.result()).size() != 1 || is_output(net, g.result())) return false;
    const bool dense = is<conv2d_op>(anchor) || is<linear_op>(anchor);
    if (is<activation_op>(n)) return dense || is<batch_norm_op>(anchor);
    if (is<batch_norm_op>(n)) return is<conv2d_op>(anchor) && g.nodes.size() == 1;
    return is<add_op>(n) && dense && !g.added && n.inputs[0] != n.inputs[1];
}

/// Groups by their results. A sum is folded into the operand that is made last: the other one is
/// complete by then and can be accumulated into.
std::vector<group> fold(const network& net) {
    std::vector<group> groups;
    std::vector<std::int32_t> group_of(net.nodes().size(), -1);
    const auto count = static_cast<value_id>(net.nodes().size());
    for (value_id v = 0; v < count; ++v) {
        const node& n = net.at(v);
        if (is<input_op>(n)) continue;
        auto candidates = n.inputs;
        std::sort(candidates.rbegin(), candidates.rend());
        for (const auto in : candidates) {
            const auto g = group_of[at(in)];
            if (g < 0 || !can_fold(net, groups[at(g)], v)) continue;
            groups[at(g)].nodes.push_back(v);
            if (is<add_op>(n)) groups[at(g)].added = n.inputs[0] == in ? n.inputs[1] : n.inputs[0];
            group_of[at(v)] = g;
            break;
        }
        if (group_of[at(v)] < 0) {
            group_of[at(v)] = static_cast<std::int32_t>(groups.size());
            groups.push_back({{v}, {}});
        }
    }
    std::sort(groups.begin(), groups.end(),
              [](const group& a, const group& b) { return a.result() < b.result(); });
    return groups;
}

class assembler {
public:
    assembler(const network& net, const deployment& target) : net_(net), groups_(fold(net)) {
        result_.structure = net.structure_hash();
        result_.target = target;
        buffer_of_.assign(net.nodes().size(), -1);
        last_reader_.assign(net.nodes().size(), -1);
        for (std::size_t g = 0; g < groups_.size(); ++g) {
            for (const auto in : reads(groups_[g])) {
                last_reader_[at(in)] = static_cast<std::int32_t>(g);
            }
        }
    }

    program run() && {
        for (const auto in : net_.inputs()) new_buffer(in, buffer_kind::input, 0);
        for (std::size_t g = 0; g < groups_.size(); ++g) {
            add_step(groups_[g], static_cast<std::int32_t>(g));
        }
        const auto end = std::max(static_cast<std::int32_t>(groups_.size()) - 1, 0);
        for (const auto& out : net_.outputs()) {
            buffer& b = buffer_of(out.value);
            b.kind = buffer_kind::output;
            b.last_step = end;
        }
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
                                   byte_size(net_.at(value).type, result_.target.batch), step, step});
    }

    /// Values from outside of the group, each once.
    [[nodiscard]] std::vector<value_id> reads(const group& g) const {
        auto values = net_.at(g.anchor()).inputs;
        if (g.added) values.push_back(*g.added);
        std::sort(values.begin(), values.end());
        values.erase(std::unique(values.begin(), values.end()), values.end());
        return values;
    }

    /// A value whose memory the group may overwrite: it is read element by element, and never again.
    [[nodiscard]] std::optional<value_id> overwritten(const group& g, std::int32_t step) const {
        const node& anchor = net_.at(g.anchor());
        const bool element_wise = is<batch_norm_op>(anchor) || is<activation_op>(anchor) ||
                                  is<add_op>(anchor) || is<channel_gate_op>(anchor) ||
                                  is<softmax_op>(anchor);
        std::vector<value_id> candidates;
        if (element_wise) candidates = anchor.inputs;
        if (g.added && anchor.inputs[0] != *g.added) candidates.push_back(*g.added);
        for (const auto value : candidates) {
            if (last_reader_[at(value)] == step && !is_output(net_, value)) return value;
        }
        return {};
    }

    void add_step(const group& g, std::int32_t step) {
        program_step info;
        info.name = net_.at(g.result()).name;
        info.nodes = g.nodes;
        info.operation = detail::operation_key(net_, g.nodes, result_.target.batch);
        for (const auto in : reads(g)) {
            info.reads.push_back(buffer_of_[at(in)]);
            info.traffic += byte_count(byte_size(net_.at(in).type, result_.target.batch));
            buffer_of(in).last_step = step;
        }
        if (const auto source = overwritten(g, step)) {
            buffer_of_[at(g.result())] = buffer_of_[at(*source)];
        } else {
            new_buffer(g.result(), buffer_kind::activation, step);
        }
        info.writes.push_back(buffer_of_[at(g.result())]);
        const byte_count weights = weight_bytes(g);
        info.traffic += byte_count(byte_size(net_.at(g.result()).type, result_.target.batch));
        info.traffic += weights;
        result_.weight_bytes += weights;
        for (const auto id : g.nodes) {
            info.macs += mac_count(node_macs(net_, net_.at(id)).value * result_.target.batch);
        }
        result_.steps.push_back(std::move(info));
    }

    /// A folded batch norm leaves one bias per channel.
    [[nodiscard]] byte_count weight_bytes(const group& g) const {
        const node& anchor = net_.at(g.anchor());
        std::int64_t bytes = 0;
        for (const auto& p : parameters_of(anchor.operation)) {
            bytes += element_count(*p.ref) * size_of(p.ref->element);
        }
        const auto* conv = std::get_if<conv2d_op>(&anchor.operation);
        const bool normed = g.nodes.size() > 1 && is<batch_norm_op>(net_.at(g.nodes[1]));
        if (conv != nullptr && !conv->bias && normed) {
            bytes += anchor.type.dims[1].size() * size_of(anchor.type.element);
        }
        return byte_count(bytes);
    }

    const network& net_;
    std::vector<group> groups_;
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
