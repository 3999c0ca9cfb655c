// SPDX-License-Identifier: Apache-2.0
#include "lathe/engine/network_timing.hpp"

#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include "lathe/engine/compile.hpp"
#include "lathe/engine/executor.hpp"

namespace lathe {
namespace {

/// One executor per stream and a batch of ordinary pixel values to call them with.
class streamed_network {
public:
    streamed_network(const network& net, const deployment& target) {
        executors_.emplace_back(net, arbitrary_weights(), calibrated_statistics::neutral(net), target);
        for (int s = 1; s < target.streams; ++s) executors_.push_back(executors_[0].stream());
        for (std::size_t i = 0; i < net.inputs().size(); ++i) {
            std::vector<float> values(executors_[0].input(i).size());
            for (std::size_t k = 0; k < values.size(); ++k) {
                values[k] = static_cast<float>(k % 17) / 8.0F - 1.0F;
            }
            batch_.push_back(std::move(values));
        }
    }

    void call(int stream) {
        executor& e = executors_[static_cast<std::size_t>(stream)];
        for (std::size_t i = 0; i < batch_.size(); ++i) {
            std::ranges::copy(batch_[i], e.input(i).begin());
        }
        e.run();
    }

private:
    std::vector<executor> executors_;
    std::vector<std::vector<float>> batch_;
};

timed_task make_task(const network& net, const deployment& target, std::string name) {
    try {
        auto runner = std::make_shared<streamed_network>(net, target);
        return {std::move(name), [runner](int stream) { runner->call(stream); }};
    } catch (...) {
        // The measurement reports what a task throws; there it stands beside the other networks.
        return {std::move(name),
                [why = std::current_exception()](int) { std::rethrow_exception(why); }};
    }
}

}  // namespace

measurement time_networks(std::span<const network> nets, const deployment& target,
                          const timing_options& options) {
    validate(target);
    std::vector<timed_task> tasks;
    for (std::size_t i = 0; i < nets.size(); ++i) {
        tasks.push_back(make_task(nets[i], target, std::to_string(i)));
    }
    measurement m = time_tasks(tasks, target, options);
    m.machine.libraries.push_back(engine_library());
    return m;
}

}  // namespace lathe
