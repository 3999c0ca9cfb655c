// SPDX-License-Identifier: Apache-2.0
// Quality of subnets of a trained supernet. Needs the engine component.
#pragma once

#include <algorithm>
#include <cstdint>
#include <span>
#include <vector>

#include "lathe/core/metric.hpp"
#include "lathe/evaluator/checks.hpp"
#include "lathe/evaluator/concept.hpp"
#include "lathe/network/network.hpp"
#include "lathe/supernet/scoring.hpp"
#include "lathe/supernet/weight_store.hpp"

namespace lathe {

struct scoring_settings {
    std::int32_t recalibration_batch = 250;
    std::int32_t batch = 100;
    int threads = 1;
};

/// Recalibrates a subnet's statistics and counts its hits on the validation images. Weights and images
/// must outlive it. Effort below 1 takes that share of the validation images.
class supernet_evaluator {
public:
    using provided = metric_list<accuracy>;
    static constexpr thread_safety safety = thread_safety::none;

    supernet_evaluator(weight_store& weights, image_batches& recalibration,
                       image_batches& validation, const scoring_settings& settings = {})
        : weights_(weights),
          recalibration_(recalibration),
          validation_(validation),
          settings_(settings),
          pass_(settings.threads) {}

    [[nodiscard]] static std::vector<metric_id> metrics() { return provided::ids(); }

    [[nodiscard]] std::vector<evaluation> evaluate(std::span<const candidate> candidates, fidelity f) {
        std::vector<evaluation> results;
        for (const auto& c : candidates) {
            try {
                results.push_back(score(detail::network_of(c), f));
            } catch (...) {
                results.push_back(evaluation::current_failure());
            }
        }
        return results;
    }

    /// Statistics as the evaluation uses them: for the export of a chosen network.
    [[nodiscard]] calibrated_statistics calibrate(const network& net) {
        return recalibrate(pass_, net, weights_, recalibration_, settings_.recalibration_batch);
    }

private:
    evaluation score(const network& net, fidelity f) {
        const auto statistics = calibrate(net);
        const auto images = static_cast<std::size_t>(
            std::max(1.0, f.effort * static_cast<double>(validation_.size())));
        const estimate hits = top1_accuracy(net, weights_.reader(), statistics, validation_, images,
                                            settings_.batch, settings_.threads);
        if (!hits.known()) return evaluation::failure("a logit is not finite");
        return {evaluation_status::done, {{id_of<accuracy>(), hits}}, {}};
    }

    weight_store& weights_;
    image_batches& recalibration_;
    image_batches& validation_;
    scoring_settings settings_;
    training_pass pass_;
};
static_assert(Evaluator<supernet_evaluator>);

}  // namespace lathe
