// SPDX-License-Identifier: Apache-2.0
// Members of a supernet that the accuracy figures judge, and how.
#pragma once

#include <cstdlib>
#include <string>

#include "cli/images.hpp"
#include "cli/preset.hpp"
#include "lathe/search_space/members.hpp"
#include "lathe/supernet/scoring.hpp"

namespace lathe::benchmarks {

inline const std::string judged_members[] = {"largest", "smallest", "0", "1", "2"};

/// "largest", "smallest", or the member drawn with this seed.
inline network judged_member(const cli::preset_space& preset, const std::string& name) {
    const any_space space = preset.any();
    if (name == "largest") return space.lower(preset.largest());
    if (name == "smallest") return space.lower(preset.smallest());
    rng random(std::strtoull(name.c_str(), nullptr, 10));
    return space.lower(sample_member(space, random));
}

/// Accuracies on the test set, which it opens, after recalibration.
class test_judge {
public:
    test_judge(cli::search_images& images, int threads)
        : threads_(threads),
          pass_(threads),
          recalibration_(images.recalibration()),
          test_(images.open_test()) {}

    double accuracy(const network& net, weight_store& weights) {
        const auto statistics = recalibrate(pass_, net, weights, recalibration_, 250);
        constexpr std::int32_t batch = 100;
        return top1_accuracy(net, weights.reader(), statistics, test_, test_.size(), batch,
                             threads_)
            .value;
    }

private:
    int threads_;
    training_pass pass_;
    image_batches recalibration_, test_;
};

}  // namespace lathe::benchmarks
