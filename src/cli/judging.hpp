// SPDX-License-Identifier: Apache-2.0
// What judges the quality of networks in a search.
#pragma once

#include <memory>
#include <vector>

#include "cli/images.hpp"
#include "cli/spec.hpp"
#include "lathe/evaluator/staged.hpp"
#include "lathe/evaluator/supernet.hpp"
#include "lathe/search/any.hpp"
#include "lathe/supernet/weight_store.hpp"

namespace lathe::cli {

/// The trained supernet; where the specification has stages, a rough judgement before the exact one.
class supernet_judge {
public:
    /// Weights and images must outlive it.
    supernet_judge(const search_spec& spec, const search_images& images, weight_store& weights,
                   int threads);
    ~supernet_judge();
    supernet_judge(const supernet_judge&) = delete;
    supernet_judge& operator=(const supernet_judge&) = delete;

    /// Refers to this object.
    [[nodiscard]] any_evaluator any();
    /// On all images, whatever the stages.
    [[nodiscard]] supernet_evaluator& exact() noexcept;
    /// Of the weights, and how they are judged.
    [[nodiscard]] hash64 content() const noexcept;
    /// What this session judged, one entry per stage; empty without stages.
    [[nodiscard]] std::vector<stage_report> report() const;

private:
    struct impl;
    std::unique_ptr<impl> impl_;
};

}  // namespace lathe::cli
