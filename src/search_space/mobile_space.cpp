// SPDX-License-Identifier: Apache-2.0
#include "lathe/search_space/mobile_space.hpp"

#include <fmt/format.h>

#include <utility>

#include "lathe/core/error.hpp"
#include "search_space/options.hpp"

namespace lathe {
namespace {

using detail::choose;
using detail::extent;
using detail::fixed;
using detail::gene;

void check(const mobile_space_spec& spec) {
    using detail::check_number;
    using detail::check_options;
    const std::string place = "mobile_space_spec::";
    check_number(place + "input_channels", spec.input_channels, 1);
    check_options(place + "resolutions", spec.resolutions, 1);
    check_number(place + "classes", spec.classes, 2);
    check_options(place + "stem_widths", spec.stem_widths, 8, 8);
    check_number(place + "stem_stride", spec.stem_stride, 1);
    check_options(place + "head_width", {spec.head_width}, 8, 8);
    if (spec.stages.empty()) {
        throw error(errc::bad_input, place + "stages", "there is none", "give at least one stage");
    }
    for (std::size_t s = 0; s < spec.stages.size(); ++s) {
        const auto& stage = spec.stages[s];
        const std::string prefix = fmt::format("{}stages[{}].", place, s);
        check_options(prefix + "widths", stage.widths, 8, 8);
        check_number(prefix + "min_depth", stage.min_depth, 1);
        check_number(prefix + "max_depth", stage.max_depth, stage.min_depth);
        check_number(prefix + "stride", stage.stride, 1);
        check_options(prefix + "expansions", stage.expansions, 1);
        check_options(prefix + "kernels", stage.kernels, 1, 2, 1);
    }
}

bool gated(gate_choice choice, const genotype& g, int axis) {
    return choice == gate_choice::always || (choice == gate_choice::optional && gene(g, axis) == 1);
}

struct block {
    extent in;
    extent out;
    extent expansion;
    extent kernel;
    std::int64_t stride;
    activation act;
    bool gate;
};

/// `layer` is "s1_b2" in node names, `tensor` "s1.b2" in parameter names.
value_id add_block(network_builder& builder, value_id input, const block& b,
                   const std::string& layer, const std::string& tensor) {
    detail::elastic_layers layers(builder);
    const extent hidden{b.expansion.used * b.in.used, b.expansion.full * b.in.full};
    value_id x = input;
    if (b.expansion.used > 1) {
        const detail::layer_name expand{layer + "_expand", tensor + ".expand"};
        x = layers.conv(x, expand, b.in, hidden, fixed(1));
        x = layers.norm(x, expand, hidden);
        x = layers.act(x, expand, b.act);
    }
    const detail::layer_name depthwise{fmt::format("{}_dw{}x{}", layer, b.kernel.used, b.kernel.used),
                                       tensor + ".dw"};
    x = layers.depthwise(x, depthwise, hidden, b.kernel, b.stride);
    x = layers.norm(x, depthwise, hidden);
    x = layers.act(x, depthwise, b.act);
    if (b.gate) x = layers.gate(x, {layer + "_gate", tensor + ".gate"}, hidden);

    const detail::layer_name project{layer + "_project", tensor + ".project"};
    x = layers.conv(x, project, hidden, b.out, fixed(1));
    x = layers.norm(x, project, b.out);
    if (b.stride == 1 && b.in.used == b.out.used) {
        x = builder.add(layer + "_add", add_op{}, {x, input});
    }
    return x;
}

}  // namespace

mobile_space::mobile_space(mobile_space_spec spec) : spec_(std::move(spec)) {
    using detail::add_axis;
    check(spec_);
    resolution_axis_ = add_axis(axes_, "resolution", spec_.resolutions);
    stem_axis_ = add_axis(axes_, "stem.width", spec_.stem_widths);
    for (std::size_t s = 0; s < spec_.stages.size(); ++s) {
        const auto& stage = spec_.stages[s];
        const std::string name = fmt::format("s{}", s + 1);
        detail::sizes depths;
        for (auto d = stage.min_depth; d <= stage.max_depth; ++d) depths.push_back(d);
        stage_axes a;
        a.width = add_axis(axes_, name + ".width", stage.widths);
        a.depth = add_axis(axes_, name + ".depth", depths);
        a.gate = stage.gate == gate_choice::optional
                     ? add_axis(axes_, name + ".gate", axis_kind::categorical, {"no", "yes"})
                     : -1;
        for (std::int64_t b = 1; b <= stage.max_depth; ++b) {
            const std::string prefix = fmt::format("{}.b{}", name, b);
            const int expansion = add_axis(axes_, prefix + ".expansion", stage.expansions);
            const int kernel = add_axis(axes_, prefix + ".kernel", stage.kernels);
            a.blocks.push_back({expansion, kernel});
        }
        stage_axes_.push_back(std::move(a));
    }
}

std::int64_t mobile_space::depth_of(const genotype& g, std::size_t stage) const {
    return spec_.stages[stage].min_depth +
           static_cast<std::int64_t>(gene(g, stage_axes_[stage].depth));
}

genotype mobile_space::canonical(const genotype& g) const {
    validate(g, axes_);
    genotype result = g;
    for (std::size_t s = 0; s < stage_axes_.size(); ++s) {
        const auto& blocks = stage_axes_[s].blocks;
        for (auto b = static_cast<std::size_t>(depth_of(g, s)); b < blocks.size(); ++b) {
            for (const int inactive : {blocks[b].expansion, blocks[b].kernel}) {
                if (inactive >= 0) result.genes[static_cast<std::size_t>(inactive)] = 0;
            }
        }
    }
    return result;
}

network mobile_space::lower(const genotype& g) const {
    validate(g, axes_);
    network_builder builder;
    detail::elastic_layers layers(builder);
    const std::int64_t size = spec_.resolutions[gene(g, resolution_axis_)];
    value_id x = builder.input("image", image_type(spec_.input_channels, size, size));

    extent width = choose(spec_.stem_widths, g, stem_axis_);
    const detail::layer_name stem{"stem", "stem"};
    x = layers.conv(x, stem, fixed(spec_.input_channels), width, fixed(3), spec_.stem_stride);
    x = layers.norm(x, stem, width);
    x = layers.act(x, stem, spec_.stem_act);

    for (std::size_t s = 0; s < spec_.stages.size(); ++s) {
        const auto& stage = spec_.stages[s];
        const auto& a = stage_axes_[s];
        const extent out = choose(stage.widths, g, a.width);
        const bool gate = gated(stage.gate, g, a.gate);
        for (std::int64_t b = 0; b < depth_of(g, s); ++b) {
            const auto& genes = a.blocks[static_cast<std::size_t>(b)];
            x = add_block(builder, x,
                          {width, out, choose(stage.expansions, g, genes.expansion),
                           choose(stage.kernels, g, genes.kernel), b == 0 ? stage.stride : 1,
                           stage.act, gate},
                          fmt::format("s{}_b{}", s + 1, b + 1),
                          fmt::format("s{}.b{}", s + 1, b + 1));
            width = out;
        }
    }

    const detail::layer_name head{"head", "head"};
    x = layers.conv(x, head, width, fixed(spec_.head_width), fixed(1));
    x = layers.norm(x, head, fixed(spec_.head_width));
    x = layers.act(x, head, spec_.head_act);
    layers.classifier(x, fixed(spec_.head_width), spec_.classes);
    return std::move(builder).build();
}

genotype mobile_space::largest() const { return detail::last_options(axes_); }

genotype mobile_space::smallest() const { return detail::first_options(axes_); }

member_count mobile_space::count() const noexcept {
    member_count total = member_count(spec_.resolutions.size()) *
                         member_count(spec_.stem_widths.size());
    for (const auto& stage : spec_.stages) {
        const member_count per_block =
            member_count(stage.expansions.size()) * member_count(stage.kernels.size());
        member_count block_choices(0);
        member_count product(1);
        for (std::int64_t d = 1; d <= stage.max_depth; ++d) {
            product = product * per_block;
            if (d >= stage.min_depth) block_choices = block_choices + product;
        }
        const std::uint64_t gates = stage.gate == gate_choice::optional ? 2 : 1;
        total = total * member_count(stage.widths.size()) * member_count(gates) * block_choices;
    }
    return total;
}

genotype mobile_space::sample(rng& random) const {
    genotype g = random_genotype(axes_, random);
    for (std::size_t s = 0; s < spec_.stages.size(); ++s) {
        const auto& stage = spec_.stages[s];
        if (stage_axes_[s].depth < 0) continue;
        const auto per_block = static_cast<double>(stage.expansions.size() * stage.kernels.size());
        // Relative to the smallest depth, depth d has per_block^d continuations.
        double total = 0.0;
        double weight = 1.0;
        for (auto d = stage.min_depth; d <= stage.max_depth; ++d) {
            total += weight;
            weight *= per_block;
        }
        double rest = random.real() * total;
        std::uint16_t depth = 0;
        const auto last = static_cast<std::uint16_t>(stage.max_depth - stage.min_depth);
        for (weight = 1.0; depth < last && rest >= weight; weight *= per_block) {
            rest -= weight;
            ++depth;
        }
        g.genes[static_cast<std::size_t>(stage_axes_[s].depth)] = depth;
    }
    return canonical(g);
}

std::string mobile_space::describe(const genotype& g) const {
    validate(g, axes_);
    const std::int64_t size = spec_.resolutions[gene(g, resolution_axis_)];
    std::string text = fmt::format("{}x{}, stem {}", size, size,
                                   choose(spec_.stem_widths, g, stem_axis_).used);
    for (std::size_t s = 0; s < spec_.stages.size(); ++s) {
        const auto& stage = spec_.stages[s];
        const auto& a = stage_axes_[s];
        text += fmt::format(" | {}{}:", choose(stage.widths, g, a.width).used,
                            gated(stage.gate, g, a.gate) ? "+gate" : "");
        for (std::int64_t b = 0; b < depth_of(g, s); ++b) {
            const auto& genes = a.blocks[static_cast<std::size_t>(b)];
            text += fmt::format("{} e{} k{}", b == 0 ? "" : ",",
                                choose(stage.expansions, g, genes.expansion).used,
                                choose(stage.kernels, g, genes.kernel).used);
        }
    }
    return text;
}

}  // namespace lathe
