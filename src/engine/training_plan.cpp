// SPDX-License-Identifier: Apache-2.0
#include "engine/training_plan.hpp"

#include <algorithm>
#include <optional>

#include "engine/onednn_convolution.hpp"
#include "engine/runnable.hpp"
#include "engine/team.hpp"
#include "engine/train_expansion.hpp"
#include "network/readers.hpp"

namespace lathe::detail {
namespace {

std::size_t index(value_id v) { return static_cast<std::size_t>(v); }

/// The operation of type Op that alone reads value v, if it does.
template <class Op>
const Op* read_only_by(const network& net, value_id v) {
    const auto reader = only_reader(net, v);
    return reader ? std::get_if<Op>(&net.at(*reader).operation) : nullptr;
}

/// The nodes of one layer: one, or a batch norm with what can be done along with it, the activation
/// behind it and the convolution behind that, and perhaps the convolution in front.
struct layer_nodes {
    value_id first = 0;
    value_id norm = 0;
    value_id output = 0;
    std::optional<activation> act = {};
    const conv2d_op* convolution = nullptr;  ///< behind the norm

    [[nodiscard]] bool begins_with_convolution() const { return first != norm; }
};

/// From a batch norm on.
layer_nodes norm_at(value_id norm, const training_context& c) {
    layer_nodes layer{norm, norm, norm};
    if (const auto* a = read_only_by<activation_op>(c.net, norm)) {
        layer.act = a->kind;
        layer.output = c.net.users(norm)[0];
    }
    const auto* conv = read_only_by<conv2d_op>(c.net, layer.output);
    if (conv == nullptr) return layer;
    const value_id reader = c.net.users(layer.output)[0];
    if (is_trained_in_chunks(*conv, c.net.at(reader), c)) {
        layer.convolution = conv;
        layer.output = reader;
    }
    return layer;
}

/// From a convolution on.
layer_nodes convolution_at(value_id first, const training_context& c) {
    const node& n = c.net.at(first);
    const layer_nodes alone{first, first, first};
    if (!begins_expansion(std::get<conv2d_op>(n.operation), n, c)) return alone;
    if (read_only_by<batch_norm_op>(c.net, first) == nullptr) return alone;
    layer_nodes layer = norm_at(c.net.users(first)[0], c);
    if (layer.convolution == nullptr) return alone;
    if (!shape_of(*layer.convolution, c.net.at(layer.output), c).is_depthwise()) return alone;
    layer.first = first;
    return layer;
}

layer_nodes layer_at(value_id first, const training_context& c) {
    const op& o = c.net.at(first).operation;
    if (std::holds_alternative<conv2d_op>(o)) return convolution_at(first, c);
    if (!std::holds_alternative<batch_norm_op>(o)) return {first, first, first};
    layer_nodes layer = norm_at(first, c);
    if (layer.convolution == nullptr) return layer;
    if (!convolution_at(layer.output, c).begins_with_convolution()) return layer;
    layer.output = c.net.at(layer.output).inputs[0];  // it begins a layer of its own
    layer.convolution = nullptr;
    return layer;
}

std::vector<layer_nodes> group_nodes(const training_context& c) {
    std::vector<layer_nodes> layers;
    std::vector<bool> done(c.net.nodes().size(), false);
    for (const auto in : c.net.inputs()) done[index(in)] = true;
    for (std::size_t i = 0; i < done.size(); ++i) {
        if (done[i]) continue;
        layers.push_back(layer_at(static_cast<value_id>(i), c));
        for (auto v = layers.back().first; v != layers.back().output; v = c.net.users(v)[0]) {
            done[index(c.net.users(v)[0])] = true;
        }
    }
    return layers;
}

expansion expansion_of(const layer_nodes& layer, const training_context& c) {
    const node& first = c.net.at(layer.first);
    return {std::get<conv2d_op>(first.operation),
            first,
            std::get<batch_norm_op>(c.net.at(layer.norm).operation),
            layer.act,
            *layer.convolution,
            c.net.at(layer.output)};
}

training_recipe recipe_of(const layer_nodes& layer, const training_context& c) {
    if (layer.begins_with_convolution()) return train_expansion(expansion_of(layer, c), c);
    const node& n = c.net.at(layer.first);
    const auto* norm = std::get_if<batch_norm_op>(&n.operation);
    if (norm == nullptr) {
        return std::visit([&](const auto& o) { return train(o, n, c); }, n.operation);
    }
    if (layer.convolution == nullptr) return train_norm(*norm, n, layer.act, c);
    return train_norm_convolution(*norm, layer.act, *layer.convolution, c.net.at(layer.output), c);
}

/// Layers in chunks are computed by single threads, and so their primitives can be made by single
/// threads: side by side, for new shapes take longer than anything else here.
bool is_made_by_one_thread(const layer_nodes& layer, const training_context& c) {
    if (layer.convolution != nullptr) return true;
    const node& n = c.net.at(layer.first);
    const auto* conv = std::get_if<conv2d_op>(&n.operation);
    return conv != nullptr && is_trained_in_chunks(*conv, n, c);
}

std::vector<training_layer> make_layers(const training_context& c) {
    const auto groups = group_nodes(c);
    std::vector<training_layer> layers(groups.size());
    std::vector<std::size_t> by_one;
    const auto make = [&](std::size_t i) {
        const node& first = c.net.at(groups[i].first);
        try {
            layers[i] = {groups[i].first, groups[i].norm, groups[i].output, first.inputs,
                         recipe_of(groups[i], c)};
        } catch (const dnnl::error& e) {
            rethrow(e, first);
        }
    };
    for (std::size_t i = 0; i < groups.size(); ++i) {
        if (is_made_by_one_thread(groups[i], c)) {
            by_one.push_back(i);
        } else {
            make(i);
        }
    }
    run_by_team(by_one.size(), c.threads, [&](std::size_t job) { make(by_one[job]); });
    return layers;
}

class planner {
public:
    planner(const training_context& c, pass_kind kind) : c_(c), kind_(kind) {
        plan_.layers = make_layers(c);
        const std::size_t nodes = c.net.nodes().size();
        plan_.value.assign(nodes, -1);
        plan_.gradient.assign(nodes, -1);
        plan_.producer.assign(nodes, -1);
        readers_.resize(nodes);
        needs_gradient_.assign(nodes, false);
        for (std::size_t i = 0; i < plan_.layers.size(); ++i) connect(static_cast<int>(i));
        plan_.unfinished_by.assign(plan_.layers.size(), -1);
    }

    training_plan run() && {
        round_images();
        for (std::size_t i = 0; i < plan_.layers.size(); ++i) forward(i);
        extend(plan_.value[index(c_.net.outputs()[0].value)], loss_time());
        plan_.backward_scratch.assign(plan_.layers.size(), -1);
        plan_.temporary.resize(plan_.layers.size());
        plan_.deliveries.resize(plan_.layers.size());
        if (kind_ == pass_kind::training) {
            start_gradient();
            for (std::size_t i = plan_.layers.size(); i-- > 0;) backward(i);
        }
        plan_.memory = plan_memory(slots_, 64, c_.arena_bytes);
        return std::move(plan_);
    }

private:
    /// Images come as floats; where they are stored as something else, a copy lives in the arena.
    void round_images() {
        const value_id in = c_.net.inputs()[0];
        if (c_.stored(c_.type(in)) == element_type::f32) return;
        plan_.value[index(in)] = new_slot(bytes(in), 0, 0);
    }

    void connect(int i) {
        const auto& layer = plan_.layers[static_cast<std::size_t>(i)];
        plan_.producer[index(layer.output)] = i;
        bool needs = !parameters_of(c_.net.at(layer.first).operation).empty();
        for (const auto in : layer.inputs) {
            readers_[index(in)].push_back(i);
            needs = needs || needs_gradient_[index(in)];
        }
        needs_gradient_[index(layer.output)] = needs;
    }

    [[nodiscard]] int layer_count() const { return static_cast<int>(plan_.layers.size()); }
    [[nodiscard]] int loss_time() const { return layer_count(); }
    [[nodiscard]] int backward_time(std::size_t i) const {
        return 2 * layer_count() - static_cast<int>(i);
    }

    slot new_slot(std::int64_t bytes, int first, int last) {
        if (bytes == 0) return -1;
        slots_.push_back({bytes, first, last});
        owners_.emplace_back();
        return static_cast<slot>(slots_.size()) - 1;
    }
    void extend(slot s, int time) {
        if (s < 0) return;
        auto& b = slots_[static_cast<std::size_t>(s)];
        b.first = std::min(b.first, time);
        b.last = std::max(b.last, time);
    }
    slot new_floats(std::int64_t floats, int first, int last) {
        return new_slot(floats * static_cast<std::int64_t>(sizeof(float)), first, last);
    }
    [[nodiscard]] std::int64_t bytes(value_id v) const {
        return element_count(c_.type(v), c_.batch) * size_of(c_.stored(c_.type(v)));
    }

    /// An input whose memory the output of layer i may take over, or -1.
    [[nodiscard]] value_id overwritable(std::size_t i) const {
        const auto& layer = plan_.layers[i];
        if (!layer.recipe.forward_in_place) return -1;
        if (kind_ == pass_kind::training && layer.recipe.keeps_inputs) return -1;
        for (const auto in : layer.inputs) {
            const int maker = plan_.maker(in);
            if (maker < 0 || is_output(c_.net, in)) continue;
            const bool kept = kind_ == pass_kind::training &&
                              plan_.layers[static_cast<std::size_t>(maker)].recipe.keeps_output;
            if (!kept && kept_by_nobody(in, static_cast<int>(i))) return in;
        }
        return -1;
    }
    /// Layer i is the last to read the value, in this pass or in its backward.
    [[nodiscard]] bool kept_by_nobody(value_id v, int i) const {
        for (const int reader : readers_[index(v)]) {
            if (reader == i) continue;
            if (reader > i) return false;
            if (kind_ == pass_kind::training &&
                plan_.layers[static_cast<std::size_t>(reader)].recipe.keeps_inputs) {
                return false;
            }
        }
        return std::count(plan_.layers[static_cast<std::size_t>(i)].inputs.begin(),
                          plan_.layers[static_cast<std::size_t>(i)].inputs.end(), v) == 1;
    }

    void forward(std::size_t i) {
        const auto& layer = plan_.layers[i];
        const int now = static_cast<int>(i);
        const bool trains = kind_ == pass_kind::training;
        const value_id source = overwritable(i);
        slot& out = plan_.value[index(layer.output)];
        out = source >= 0 ? plan_.value[index(source)] : new_slot(bytes(layer.output), now, now);
        for (const auto in : layer.inputs) {
            extend(plan_.value[index(in)], now);
            if (trains && layer.recipe.keeps_inputs)
                extend(plan_.value[index(in)], backward_time(i));
        }
        extend(out, trains && layer.recipe.keeps_output ? backward_time(i) : now);
        plan_.saved.push_back(
            new_floats(layer.recipe.saved_floats, now, trains ? backward_time(i) : now));
        plan_.forward_scratch.push_back(new_floats(layer.recipe.forward_scratch, now, now));
        const int reader = reader_of_moments(i);
        plan_.moments.push_back(reader < 0 ? -1
                                           : new_floats(layer.recipe.moment_floats, now, reader));
    }
    /// The layer that takes the moments of layer i's output, or -1.
    [[nodiscard]] int reader_of_moments(std::size_t i) const {
        const auto& readers = readers_[index(plan_.layers[i].output)];
        if (plan_.layers[i].recipe.moment_chunks == 0 || readers.size() != 1) return -1;
        const bool takes = plan_.layers[static_cast<std::size_t>(readers[0])].recipe.takes_moments;
        return takes ? readers[0] : -1;
    }

    void start_gradient() {
        const value_id out = c_.net.outputs()[0].value;
        const slot s = new_slot(bytes(out), loss_time(), loss_time());
        give(out, s);
    }
    void give(value_id v, slot s) {
        plan_.gradient[index(v)] = s;
        owners_[static_cast<std::size_t>(s)].push_back(v);
    }
    [[nodiscard]] std::vector<value_id>& owners(slot s) {
        return owners_[static_cast<std::size_t>(s)];
    }

    void backward(std::size_t i) {
        const auto& layer = plan_.layers[i];
        const slot g = plan_.gradient[index(layer.output)];
        auto& ways = plan_.deliveries[i];
        ways.assign(layer.inputs.size(), delivery::none);
        plan_.temporary[i].assign(layer.inputs.size(), -1);
        if (g < 0 || !needs_gradient_[index(layer.output)]) {
            plan_.gradient[index(layer.output)] = -1;
            return;
        }
        const int now = backward_time(i);
        extend(g, now);
        std::erase(owners(g), layer.output);
        plan_.backward_scratch[i] = new_floats(layer.recipe.backward_scratch, now, now);
        for (std::size_t k = 0; k < layer.inputs.size(); ++k) ways[k] = deliver(i, k, g);
    }

    delivery deliver(std::size_t i, std::size_t k, slot g) {
        const auto& layer = plan_.layers[i];
        const value_id in = layer.inputs[k];
        const int now = backward_time(i);
        if (!needs_gradient_[index(in)]) {
            if (layer.recipe.gradient_optional || layer.recipe.passes_gradient)
                return delivery::none;
            plan_.temporary[i][k] = new_slot(bytes(in), now, now);
            return delivery::discard;
        }
        slot& target = plan_.gradient[index(in)];
        if (target >= 0) {
            extend(target, now);
            if (layer.recipe.accumulates || layer.recipe.passes_gradient)
                return delivery::accumulate;
            plan_.temporary[i][k] = new_slot(bytes(in), now, now);
            return delivery::add_after;
        }
        if (layer.recipe.passes_gradient && may_share(i, in, g)) {
            give(in, g);
            return delivery::shared;
        }
        if (layer.recipe.gradient_in_place && k == 0 && owners(g).empty()) {
            give(in, g);
            return delivery::write;
        }
        const slot fresh = new_slot(bytes(in), now, now);
        give(in, fresh);
        leave_unfinished(i, in);
        return delivery::write;
    }
    /// Lets the maker of layer i's only input finish its gradient, if both can: that needs the
    /// value itself and what layer i has saved.
    void leave_unfinished(std::size_t i, value_id in) {
        const int maker = plan_.maker(in);
        if (maker < 0 || readers_[index(in)].size() != 1 || is_output(c_.net, in)) return;
        const auto front = static_cast<std::size_t>(maker);
        if (!plan_.layers[i].recipe.leaves_gradient_unfinished) return;
        if (!plan_.layers[front].recipe.finishes_gradient) return;
        plan_.unfinished_by[front] = static_cast<int>(i);
        extend(plan_.value[index(in)], backward_time(front));
        extend(plan_.saved[i], backward_time(front));
    }

    /// May value v use the output gradient of layer i as its own? Whoever changes it later must
    /// come after every other owner has read it.
    [[nodiscard]] bool may_share(std::size_t i, value_id v, slot g) {
        const auto& other_owners = owners(g);
        for (const auto other : other_owners) {
            if (other == v) return false;
            const value_id first = std::min(v, other);
            const value_id second = std::max(v, other);
            const int reads = plan_.producer[index(second)];
            for (const int user : readers_[index(second)]) {
                if (user < static_cast<int>(i)) return false;
            }
            for (const int user : readers_[index(first)]) {
                if (user < static_cast<int>(i) && user >= reads) return false;
            }
            if (plan_.producer[index(first)] > reads) return false;
        }
        return true;
    }

    const training_context& c_;
    pass_kind kind_;
    training_plan plan_;
    std::vector<planned_buffer> slots_;
    std::vector<std::vector<value_id>>
        owners_;                             ///< per slot: gradients in it that are still unread
    std::vector<std::vector<int>> readers_;  ///< layers that read a value
    std::vector<bool> needs_gradient_;
};

}  // namespace

training_plan plan_training(const training_context& context, pass_kind kind) {
    require_runnable(context.net);
    return planner(context, kind).run();
}

}  // namespace lathe::detail
