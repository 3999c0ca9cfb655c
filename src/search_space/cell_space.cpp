// SPDX-License-Identifier: Apache-2.0
#include "lathe/search_space/cell_space.hpp"

#include <fmt/format.h>

#include <array>
#include <map>
#include <optional>
#include <utility>

#include "lathe/core/error.hpp"
#include "lathe/search_space/members.hpp"
#include "search_space/options.hpp"

namespace lathe {
namespace {

using detail::fixed;

/// Options of every axis, in this order.
enum class cell_op : std::uint16_t { none, skip_connect, nor_conv_1x1, nor_conv_3x3, avg_pool_3x3 };

constexpr std::array<std::string_view, 5> op_names{"none", "skip_connect", "nor_conv_1x1",
                                                   "nor_conv_3x3", "avg_pool_3x3"};

struct cell_edge {
    std::size_t from;
    std::size_t to;
};
/// By target, then by source: the benchmark's order.
constexpr std::array<cell_edge, 6> edges{{{0, 1}, {0, 2}, {1, 2}, {0, 3}, {1, 3}, {2, 3}}};
constexpr std::size_t output_node = 3;

std::vector<axis> make_axes() {
    std::vector<axis> axes;
    for (const auto& e : edges) {
        axes.push_back({fmt::format("{}->{}", e.from, e.to), axis_kind::categorical,
                        {op_names.begin(), op_names.end()}});
    }
    return axes;
}

cell_op op_at(const genotype& g, std::size_t edge) { return static_cast<cell_op>(g.genes[edge]); }

/// Edges on a path from node 0 to the output.
std::array<bool, 6> live_edges(const genotype& g) {
    std::array<bool, 4> reached{true, false, false, false};
    for (std::size_t e = 0; e < edges.size(); ++e) {
        if (op_at(g, e) != cell_op::none && reached[edges[e].from]) reached[edges[e].to] = true;
    }
    std::array<bool, 4> needed{false, false, false, true};
    std::array<bool, 6> live{};
    for (std::size_t e = edges.size(); e-- > 0;) {
        live[e] = op_at(g, e) != cell_op::none && reached[edges[e].from] && needed[edges[e].to];
        if (live[e]) needed[edges[e].from] = true;
    }
    return live;
}

/// The value of the output node, or nothing where no path leads there. `apply(edge, op, value)` is not
/// called for skip connections, `add(a, b)` for sums.
template <class Value, class Apply, class Add>
std::optional<Value> evaluate_cell(const genotype& g, Value input, Apply apply, Add add) {
    std::array<std::optional<Value>, 4> nodes{input, {}, {}, {}};
    const auto live = live_edges(g);
    for (std::size_t e = 0; e < edges.size(); ++e) {
        if (!live[e]) continue;
        const Value source = *nodes[edges[e].from];
        const Value term = op_at(g, e) == cell_op::skip_connect ? source
                                                                : apply(e, op_at(g, e), source);
        auto& target = nodes[edges[e].to];
        target = target ? add(*target, term) : term;
    }
    return nodes[output_node];
}

/// Numbers expressions so that equal ones get equal numbers. The input is 0.
class expression_table {
public:
    std::optional<int> number(const genotype& g) {
        return evaluate_cell(
            g, 0,
            [&](std::size_t edge, cell_op op, int value) {
                // Only convolutions have weights, which belong to their edge.
                const bool weighted = op != cell_op::avg_pool_3x3;
                return intern({static_cast<int>(op), weighted ? static_cast<int>(edge) : 0, value});
            },
            [&](int a, int b) { return intern({-1, a, b}); });
    }

private:
    int intern(std::array<int, 3> expression) {
        const int next = static_cast<int>(numbers_.size()) + 1;
        return numbers_.try_emplace(expression, next).first->second;
    }

    std::map<std::array<int, 3>, int> numbers_;
};

std::size_t rank_of(const genotype& g) {
    std::size_t rank = 0;
    for (const auto gene : g.genes) rank = rank * op_names.size() + gene;
    return rank;
}

/// The first genotype with the same expression, by rank; no path is the same as the input itself.
std::vector<genotype> canonical_cells() {
    const auto axes = make_axes();
    expression_table expressions;
    std::map<int, genotype> first;
    std::vector<int> number_by_rank;
    genotype g = detail::first_options(axes);
    do {
        const auto number = expressions.number(g);
        if (number) first.try_emplace(*number, g);
        number_by_rank.push_back(number.value_or(0));
    } while (detail::next_genotype(g, axes));
    std::vector<genotype> result;
    for (const int number : number_by_rank) result.push_back(first.at(number));
    return result;
}

/// Adds one cell to a network.
class cell_builder {
public:
    cell_builder(network_builder& builder, std::string name, std::int64_t width)
        : builder_(builder), layers_(builder), name_(std::move(name)), width_(fixed(width)) {}

    value_id build(const genotype& g, value_id input) {
        const auto output = evaluate_cell(
            g, input,
            [&](std::size_t edge, cell_op op, value_id value) {
                return op == cell_op::avg_pool_3x3 ? pool(value) : conv(edge, op, value);
            },
            [&](value_id a, value_id b) {
                return builder_.add(fmt::format("{}_add{}", name_, ++sums_), add_op{}, {a, b});
            });
        return output.value_or(input);
    }

private:
    value_id conv(std::size_t edge, cell_op op, value_id value) {
        const std::int64_t kernel = op == cell_op::nor_conv_1x1 ? 1 : 3;
        const auto [from, to] = edges[edge];
        const detail::layer_name name{fmt::format("{}_{}to{}_conv{}x{}", name_, from, to, kernel, kernel),
                                      fmt::format("{}.{}to{}.conv{}x{}", name_, from, to, kernel, kernel)};
        const value_id x = layers_.conv(relu(value), name, width_, width_, fixed(kernel));
        return layers_.norm(x, name, width_);
    }

    /// Edges from one node share the op's ReLU and the pooled values, which have no weights.
    value_id relu(value_id value) {
        return once(relus_, value, "relu", activation_op{activation::relu});
    }
    value_id pool(value_id value) {
        return once(pools_, value, "pool", pool_op{pooling::average, {3, 3}, {1, 1}, {1, 1}});
    }
    value_id once(std::map<value_id, value_id>& made, value_id value, const char* what, op operation) {
        const auto [it, fresh] = made.try_emplace(value, 0);
        if (fresh) {
            it->second = builder_.add(fmt::format("{}_{}{}", name_, what, made.size()),
                                      std::move(operation), {value});
        }
        return it->second;
    }

    network_builder& builder_;
    detail::elastic_layers layers_;
    std::string name_;
    detail::extent width_;
    std::map<value_id, value_id> relus_;
    std::map<value_id, value_id> pools_;
    int sums_ = 0;
};

/// The benchmark's residual block of stride 2: two 3x3 convolutions beside mean and 1x1.
value_id add_reduction(network_builder& builder, value_id input, const std::string& name,
                       std::int64_t in_width, std::int64_t out_width) {
    detail::elastic_layers layers(builder);
    const auto in = fixed(in_width);
    const auto out = fixed(out_width);
    const detail::layer_name first{name + "_conv1", name + ".conv1"};
    value_id x = layers.act(input, {name + "_in", ""}, activation::relu);
    x = layers.conv(x, first, in, out, fixed(3), 2);
    x = layers.norm(x, first, out);
    x = layers.act(x, first, activation::relu);
    const detail::layer_name second{name + "_conv2", name + ".conv2"};
    x = layers.conv(x, second, out, out, fixed(3));
    x = layers.norm(x, second, out);

    value_id shortcut = builder.add(
        name + "_shortcut_pool", pool_op{pooling::average, {2, 2}, {2, 2}, {0, 0}}, {input});
    shortcut = layers.conv(shortcut, {name + "_shortcut", name + ".shortcut"}, in, out, fixed(1));
    return builder.add(name + "_add", add_op{}, {x, shortcut});
}

}  // namespace

cell_space_spec cell32() {
    cell_space_spec spec;
    spec.widths = {8, 16, 32};
    return spec;
}

cell_space::cell_space(cell_space_spec spec) : spec_(std::move(spec)), axes_(make_axes()) {
    const std::string place = "cell_space_spec::";
    detail::check_number(place + "input_channels", spec_.input_channels, 1);
    detail::check_number(place + "classes", spec_.classes, 2);
    detail::check_number(place + "cells_per_stage", spec_.cells_per_stage, 1);
    if (spec_.widths.empty()) {
        throw error(errc::bad_input, place + "widths", "there is none", "give one per stage");
    }
    for (const auto width : spec_.widths) detail::check_number(place + "widths", width, 1);
    const std::int64_t shrink = std::int64_t{1} << (spec_.widths.size() - 1);
    if (spec_.resolution < shrink || spec_.resolution % shrink != 0) {
        throw error(errc::bad_input, place + "resolution", fmt::format("{}", spec_.resolution),
                    fmt::format("give a multiple of {}: it is halved between stages", shrink));
    }
}

genotype cell_space::canonical(const genotype& g) const {
    validate(g, axes_);
    static const std::vector<genotype> cells = canonical_cells();
    return cells[rank_of(g)];
}

network cell_space::lower(const genotype& g) const {
    // Equal networks must also number their nodes alike, so only canonical genotypes are built.
    const genotype cell = canonical(g);
    network_builder builder;
    detail::elastic_layers layers(builder);
    value_id x = builder.input(
        "image", image_type(spec_.input_channels, spec_.resolution, spec_.resolution));
    std::int64_t width = spec_.widths.front();
    x = layers.conv(x, {"stem", "stem"}, fixed(spec_.input_channels), fixed(width), fixed(3));
    x = layers.norm(x, {"stem", "stem"}, fixed(width));

    int cell_number = 0;
    for (std::size_t stage = 0; stage < spec_.widths.size(); ++stage) {
        if (stage > 0) {
            x = add_reduction(builder, x, fmt::format("r{}", stage), width, spec_.widths[stage]);
            width = spec_.widths[stage];
        }
        for (std::int64_t i = 0; i < spec_.cells_per_stage; ++i) {
            x = cell_builder(builder, fmt::format("c{}", ++cell_number), width).build(cell, x);
        }
    }
    x = layers.norm(x, {"last", "last"}, fixed(width));
    x = layers.act(x, {"last", "last"}, activation::relu);
    layers.classifier(x, fixed(width), spec_.classes);
    return std::move(builder).build();
}

genotype cell_space::reference() const {
    const auto conv = static_cast<std::uint16_t>(cell_op::nor_conv_3x3);
    return genotype{std::vector<std::uint16_t>(edges.size(), conv)};
}

std::string cell_space::describe(const genotype& g) const { return format_cell(g); }

std::string format_cell(const genotype& g) {
    static const std::vector<axis> axes = make_axes();
    validate(g, axes);
    std::string text;
    for (std::size_t e = 0; e < edges.size(); ++e) {
        if (edges[e].from == 0) text += e == 0 ? "|" : "+|";
        text += fmt::format("{}~{}|", op_names[g.genes[e]], edges[e].from);
    }
    return text;
}

genotype parse_cell(std::string_view text) {
    const auto fail = [&](const std::string& problem, const std::string& remedy) {
        return error(errc::bad_input, fmt::format("cell '{}'", text), problem, remedy);
    };
    constexpr const char* pattern = "write |op~0|+|op~0|op~1|+|op~0|op~1|op~2|";
    genotype g;
    std::string_view rest = text;
    const auto skip = [&](std::string_view expected) {
        if (rest.substr(0, expected.size()) != expected) {
            throw fail(fmt::format("'{}' is missing before '{}'", expected, rest), pattern);
        }
        rest.remove_prefix(expected.size());
    };
    for (std::size_t e = 0; e < edges.size(); ++e) {
        if (edges[e].from == 0) skip(e == 0 ? "|" : "+|");
        const std::string_view name = rest.substr(0, rest.find('~'));
        std::uint16_t gene = 0;
        while (gene < op_names.size() && op_names[gene] != name) ++gene;
        if (gene == op_names.size()) {
            throw fail(fmt::format("edge {}->{} has the op '{}'", edges[e].from, edges[e].to, name),
                       fmt::format("use one of {}", fmt::join(op_names, ", ")));
        }
        g.genes.push_back(gene);
        rest.remove_prefix(name.size());
        skip(fmt::format("~{}|", edges[e].from));
    }
    if (!rest.empty()) throw fail(fmt::format("'{}' follows the last edge", rest), pattern);
    return g;
}

}  // namespace lathe
