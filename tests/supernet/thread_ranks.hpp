// SPDX-License-Identifier: Apache-2.0
// Ranks that are threads of one process, and a small training for ranks of any kind.
#pragma once

#include <algorithm>
#include <barrier>
#include <cstring>
#include <future>
#include <span>
#include <type_traits>
#include <vector>

#include "lathe/core/communicator.hpp"
#include "lathe/supernet/trainer.hpp"
#include "supernet/support.hpp"

namespace lathe::test {

/// What the threads share.
struct thread_team {
    explicit thread_team(int size) : meeting(size), floats(static_cast<std::size_t>(size)) {}

    std::barrier<> meeting;
    std::vector<std::span<float>> floats;  // of each rank
    std::span<std::byte> bytes;            // of rank 0
};

/// The simplest communicator there is.
class thread_rank {
public:
    thread_rank(thread_team& team, int rank) : team_(team), rank_(rank) {}

    [[nodiscard]] int rank() const { return rank_; }
    [[nodiscard]] int size() const { return static_cast<int>(team_.floats.size()); }
    void all_reduce_sum(std::span<float> values) {
        team_.floats[static_cast<std::size_t>(rank_)] = values;
        team_.meeting.arrive_and_wait();
        std::vector<float> total(team_.floats[0].begin(), team_.floats[0].end());
        for (std::size_t r = 1; r < team_.floats.size(); ++r) {
            for (std::size_t i = 0; i < total.size(); ++i) total[i] += team_.floats[r][i];
        }
        team_.meeting.arrive_and_wait();
        std::ranges::copy(total, values.begin());
    }
    void broadcast(std::span<std::byte> bytes) {
        if (rank_ == 0) team_.bytes = bytes;
        team_.meeting.arrive_and_wait();
        if (rank_ != 0) std::memcpy(bytes.data(), team_.bytes.data(), bytes.size());
        team_.meeting.arrive_and_wait();
    }

private:
    thread_team& team_;
    int rank_;
};
static_assert(Communicator<thread_rank>);

/// Calls work(rank) on every rank; their results, or what they threw.
template <class Work>
auto on_ranks(int size, Work work) {
    thread_team team(size);
    std::vector<std::future<std::invoke_result_t<Work&, thread_rank&>>> results;
    for (int r = 0; r < size; ++r) {
        results.push_back(std::async(std::launch::async, [&team, &work, r] {
            thread_rank rank(team, r);
            return work(rank);
        }));
    }
    for (auto& result : results) result.wait();
    return results;
}

struct trained {
    hash64 weights = 0;
    training_report report;
};

/// Trains the small space on 320 glyphs in batches of 16 for each rank.
inline trained train_small(communicator_ref peers, const training_settings& settings,
                           const training_probe& probe = {}, std::stop_token stop = {}) {
    const auto space = small_space();
    const small_data data(320);
    weight_store weights(1);
    auto report = train_supernet(weights, sandwich(space, 1), data.reader(16), settings, probe,
                                 std::move(stop), peers);
    return {weights.content_hash(), std::move(report)};
}

inline training_settings quick_ranks(std::int64_t steps) {
    training_settings s;
    s.steps = steps;
    s.threads = 1;
    s.learning_rate = 0.1F;
    return s;
}

}  // namespace lathe::test
