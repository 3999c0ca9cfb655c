// SPDX-License-Identifier: Apache-2.0
#include "network/fusion.hpp"

#include <algorithm>

#include "network/readers.hpp"

namespace lathe::detail {
namespace {

template <class Op>
bool is(const network& net, value_id value) {
    return std::holds_alternative<Op>(net.at(value).operation);
}

/// As many as oneDNN appends to a primitive.
constexpr std::size_t most_post_steps = 32;

class grower {
public:
    grower(const network& net, std::vector<bool>& taken) : net_(net), taken_(taken) {}

    layer_group grow(value_id anchor) {
        layer_group group;
        take(group, anchor);
        const bool folds = is<conv2d_op>(net_, anchor) || is<linear_op>(net_, anchor);
        if (!folds && !is<batch_norm_op>(net_, anchor)) return group;
        bool has_residual = false;
        for (;;) {
            const value_id last = group.result();
            const auto reader = only_reader(net_, last);
            if (!reader || taken_[static_cast<std::size_t>(*reader)]) return group;
            if (group.post.size() == most_post_steps) return group;
            const value_id next = *reader;
            const node& n = net_.at(next);
            if (is<batch_norm_op>(net_, next) && is<conv2d_op>(net_, anchor) && group.norm < 0 &&
                group.post.empty()) {
                group.norm = next;
            } else if (const auto* act = std::get_if<activation_op>(&n.operation)) {
                group.post.emplace_back(act->kind);
            } else if (is<add_op>(net_, next) && folds && !has_residual &&
                       n.inputs[0] != n.inputs[1]) {
                group.post.emplace_back(residual{n.inputs[0] == last ? n.inputs[1] : n.inputs[0]});
                has_residual = true;
            } else {
                return group;
            }
            take(group, next);
        }
    }

private:
    void take(layer_group& group, value_id value) {
        group.nodes.push_back(value);
        taken_[static_cast<std::size_t>(value)] = true;
    }

    const network& net_;
    std::vector<bool>& taken_;
};

}  // namespace

std::optional<value_id> layer_group::added() const {
    for (const auto& step : post) {
        if (const auto* r = std::get_if<residual>(&step)) return r->value;
    }
    return {};
}

std::vector<layer_group> fuse(const network& net) {
    std::vector<bool> taken(net.nodes().size(), false);
    for (const auto in : net.inputs()) taken[static_cast<std::size_t>(in)] = true;
    std::vector<layer_group> groups;
    // Heavy layers choose first, and from the back, so that a sum goes to the operand made last: the
    // other one is complete by then and can be accumulated into.
    grower g(net, taken);
    const auto count = static_cast<value_id>(net.nodes().size());
    for (value_id v = count - 1; v >= 0; --v) {
        if (is<conv2d_op>(net, v) || is<linear_op>(net, v)) groups.push_back(g.grow(v));
    }
    for (value_id v = 0; v < count; ++v) {
        if (!taken[static_cast<std::size_t>(v)]) groups.push_back(g.grow(v));
    }
    std::sort(groups.begin(), groups.end(),
              [](const layer_group& a, const layer_group& b) { return a.result() < b.result(); });
    return groups;
}

std::vector<value_id> reads_of(const network& net, const layer_group& group) {
    auto values = net.at(group.anchor()).inputs;
    if (const auto added = group.added()) values.push_back(*added);
    std::sort(values.begin(), values.end());
    values.erase(std::unique(values.begin(), values.end()), values.end());
    return values;
}

std::vector<value_id> overwritable_by(const network& net, const layer_group& group) {
    const value_id anchor = group.anchor();
    const auto& inputs = net.at(anchor).inputs;
    std::vector<value_id> values;
    if (is<batch_norm_op>(net, anchor) || is<activation_op>(net, anchor) || is<add_op>(net, anchor) ||
        is<channel_gate_op>(net, anchor) || is<softmax_op>(net, anchor)) {
        values = inputs;
    }
    if (const auto added = group.added(); added && inputs[0] != *added) values.push_back(*added);
    return values;
}

}  // namespace lathe::detail
