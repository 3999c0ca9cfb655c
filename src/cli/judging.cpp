// SPDX-License-Identifier: Apache-2.0
#include "cli/judging.hpp"

#include <algorithm>
#include <bit>
#include <optional>

#include "lathe/network/network.hpp"

namespace lathe::cli {
namespace {

/// The network's statistics need one full batch.
scoring_settings settings_for(const image_batches& recalibration, int threads) {
    scoring_settings settings;
    settings.threads = threads;
    settings.recalibration_batch =
        std::min(settings.recalibration_batch, static_cast<std::int32_t>(recalibration.size()));
    return settings;
}

/// Small networks go on too where size is worth something: MACs stand for every cost.
staged_settings stages_of(const search_spec& spec) {
    const stage_plan& plan = *spec.search.stages;
    staged_settings settings;
    settings.stages = {{.effort = plan.effort}, {.share = plan.share}};
    const bool more_than_quality =
        std::ranges::any_of(spec.goals.objectives, [](const metric_id& id) {
            return id.of != quantity::accuracy && id.of != quantity::loss;
        });
    if (more_than_quality) {
        settings.cost = [](const candidate& c) {
            return static_cast<double>(total_macs(*c.net).value);
        };
    }
    return settings;
}

hash64 content_of(const search_spec& spec, const weight_store& weights) {
    hasher h;
    h.add(weights.content_hash());
    if (spec.search.stages) {
        h.add(std::bit_cast<std::uint64_t>(spec.search.stages->effort));
        h.add(std::bit_cast<std::uint64_t>(spec.search.stages->share));
    }
    return h.value();
}

/// A share of the images that statistics are measured on, and the same share of those to be judged on.
struct rough_stage {
    image_batches recalibration;
    supernet_evaluator judge;
    staged_evaluator<supernet_evaluator, supernet_evaluator> race;

    rough_stage(const search_spec& spec, const search_images& images, weight_store& weights,
                int threads, image_batches& validation, supernet_evaluator& exact)
        : recalibration(images.recalibration(spec.search.stages->effort)),
          judge(weights, recalibration, validation, settings_for(recalibration, threads)),
          race(stages_of(spec), judge, exact) {}
};

}  // namespace

struct supernet_judge::impl {
    image_batches recalibration;
    image_batches validation;
    supernet_evaluator exact;
    std::optional<rough_stage> stages{};
    hash64 content;

    impl(const search_spec& spec, const search_images& images, weight_store& weights, int threads)
        : recalibration(images.recalibration()),
          validation(images.validation()),
          exact(weights, recalibration, validation, settings_for(recalibration, threads)),
          content(content_of(spec, weights)) {
        if (spec.search.stages) stages.emplace(spec, images, weights, threads, validation, exact);
    }
};

supernet_judge::supernet_judge(const search_spec& spec, const search_images& images,
                               weight_store& weights, int threads)
    : impl_(std::make_unique<impl>(spec, images, weights, threads)) {}
supernet_judge::~supernet_judge() = default;

any_evaluator supernet_judge::any() {
    return impl_->stages ? any_evaluator(impl_->stages->race) : any_evaluator(impl_->exact);
}

supernet_evaluator& supernet_judge::exact() noexcept { return impl_->exact; }

hash64 supernet_judge::content() const noexcept { return impl_->content; }

std::vector<stage_report> supernet_judge::report() const {
    return impl_->stages ? impl_->stages->race.report() : std::vector<stage_report>{};
}

}  // namespace lathe::cli
