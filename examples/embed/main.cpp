// SPDX-License-Identifier: Apache-2.0
// Lathe inside a product: our loop and our own test of networks; lathe proposes, keeps the front.
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <lathe/optimizer/nsga2.hpp>
#include <lathe/pareto/archive.hpp>
#include <lathe/search_space/mobile_space.hpp>
#include <vector>

// Stands for the accuracy that the product's own pipeline measures.
static double tested_error(const lathe::network& net) {
    return std::exp(-static_cast<double>(lathe::total_parameters(net).value) / 200e3);
}

int main() {
    const lathe::mobile_space space(lathe::mobile28());
    lathe::nsga2 optimizer(lathe::domain_of(space), {.seed = 7});
    lathe::pareto_archive front(2);
    const double limit = 0.5 * static_cast<double>(total_macs(space.lower(space.largest())).value);

    for (int round = 0; round < 20; ++round) {
        std::vector<lathe::outcome> outcomes;
        for (const lathe::proposal& p : optimizer.ask(16)) {
            const lathe::network net = space.lower(p.genes);
            const double macs = static_cast<double>(total_macs(net).value);
            const double too_much = std::max(0.0, macs / limit - 1.0);
            outcomes.push_back(
                {p.id, lathe::outcome_status::ok, {tested_error(net), macs}, too_much});
            if (too_much == 0.0) front.insert(p.id, outcomes.back().objectives);
        }
        optimizer.tell(outcomes);
    }
    for (std::size_t i = 0; i < front.size(); ++i) {
        const auto point = front.objectives_of(i);
        std::printf("network %3d: error %.3f, %5.2f M MACs\n", static_cast<int>(front.ids()[i]),
                    point[0], point[1] / 1e6);
    }
    return front.size() > 0 ? 0 : 1;
}
