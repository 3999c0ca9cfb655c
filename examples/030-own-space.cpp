// SPDX-License-Identifier: Apache-2.0
// A search space of one's own: blocks of one or two branches, searched by analytic costs. Members
// share weights by naming the same tensors, so a supernet trainer could train them as they are.
#include <cmath>
#include <cstdio>
#include <lathe/cost_model/analytic.hpp>
#include <lathe/evaluator/function.hpp>
#include <lathe/optimizer/regularized_evolution.hpp>
#include <lathe/search/study.hpp>
#include <lathe/search_space/members.hpp>
#include <lathe/testing/search_space.hpp>

using namespace lathe;

// image 28x28 -> stem -> three blocks -> mean -> classifier. A block has a 3x3 branch, and perhaps
// a branch with a depthwise kernel beside it; both are added.
class branch_space {
public:
    branch_space() {
        axes_.push_back({"width", axis_kind::ordinal, {"16", "24", "32"}});
        for (int b = 0; b < blocks; ++b) {
            const std::string block = "b" + std::to_string(b);
            axes_.push_back({block + ".branches", axis_kind::ordinal, {"1", "2"}});
            axes_.push_back({block + ".kernel", axis_kind::ordinal, {"3", "5", "7"}});
        }
    }
    const std::vector<axis>& axes() const { return axes_; }

    genotype canonical(genotype g) const {
        validate(g, axes_);
        for (std::size_t i = 1; i < g.genes.size(); i += 2) {
            if (g.genes[i] == 0) g.genes[i + 1] = 0;  // no second branch, no kernel to choose
        }
        return g;
    }

    network lower(const genotype& g) const {
        validate(g, axes_);
        const std::int64_t width = 16 + 8 * g.genes[0];
        network_builder net;
        value_id x = net.input("image", image_type(1, 28, 28));
        x = conv(net, "stem", x, 1, 1, width, 3, 2);
        for (std::size_t b = 0; b < blocks; ++b) {
            const std::string name = "b" + std::to_string(b);
            const value_id in = x;
            x = conv(net, name + "_main", in, most, width, width, 3, 1);
            if (g.genes[1 + 2 * b] == 0) continue;
            const std::int64_t kernel = 3 + 2 * g.genes[2 + 2 * b];
            const value_id side = depthwise(net, name + "_side", in, width, kernel);
            x = net.add(name + "_sum", add_op{}, {x, side});
        }
        x = net.add("mean", global_pool_op{}, {x});
        x = net.add("logits", linear_op{leading("fc.weight", {10, most}, {10, width}),
                                        whole("fc.bias", {10})}, {x});
        net.output(x, output_role::logits);
        return std::move(net).build();
    }

private:
    static constexpr int blocks = 3;
    static constexpr std::int64_t most = 32;  // channels of the widest member

    // The first channels of the widest member's weights.
    static value_id conv(network_builder& net, const std::string& name, value_id x,
                         std::int64_t most_in, std::int64_t in, std::int64_t out,
                         std::int64_t kernel, std::int64_t stride) {
        const param_ref weight = leading(name + ".weight", {most, most_in, kernel, kernel},
                                         {out, in, kernel, kernel});
        const extent2 padding{kernel / 2, kernel / 2};
        x = net.add(name, conv2d_op{weight, {}, {stride, stride}, padding, 1}, {x});
        return norm(net, name, x, out);
    }
    // The middle of the largest kernel.
    static value_id depthwise(network_builder& net, const std::string& name, value_id x,
                              std::int64_t width, std::int64_t kernel) {
        param_ref weight = leading(name + ".weight", {most, 1, 7, 7}, {width, 1, 7, 7});
        if (kernel < 7) weight.views.push_back(centre_crop{kernel, kernel});
        x = net.add(name, conv2d_op{weight, {}, {1, 1}, {kernel / 2, kernel / 2}, width}, {x});
        return norm(net, name, x, width);
    }
    static value_id norm(network_builder& net, const std::string& name, value_id x,
                         std::int64_t width) {
        x = net.add(name + "_norm", batch_norm_op{leading(name + ".scale", {most}, {width}),
                                                  leading(name + ".shift", {most}, {width})}, {x});
        return net.add(name + "_relu", activation_op{activation::relu}, {x});
    }

    std::vector<axis> axes_;
};
static_assert(SearchSpace<branch_space>);

int main() {
    const branch_space space;
    for (const auto& flaw : testing::check_space(space)) {
        std::printf("%s\n", flaw.c_str());
        return 1;
    }
    std::printf("%s members\n", to_string(count_members(space)).c_str());
    analytic_cost costs;
    auto judge = evaluator_of<accuracy>([](const candidate& c) {  // stands for a trained supernet
        return 1.0 - 20.0 / std::sqrt(static_cast<double>(total_parameters(*c.net).value));
    });
    const auto goals = typed_goals<>().in("edge", {}).optimize<accuracy>()
                           .limit<macs>("edge", "<= 3M").limit<parameters>("edge", "<= 20k");
    regularized_evolution optimizer(domain_of(space));
    study search(space, judge, optimizer, goals, study_settings{}, costs);
    const stop_reason why = search.run({.evaluations = 100});
    const scenario_choice chosen = search.choose().front();
    std::printf("stopped by %s; %s\n", std::string(to_string(why)).c_str(),
                chosen.explanation.c_str());
    return chosen.chosen() ? 0 : 1;
}
