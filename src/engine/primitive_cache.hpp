// SPDX-License-Identifier: Apache-2.0
// A bounded least-recently-used cache of oneDNN primitives for training, where shapes change with
// every subnet. Holds no weights and no data.
#pragma once

#include <chrono>
#include <cstdint>
#include <exception>
#include <future>
#include <initializer_list>
#include <list>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

#include "engine/onednn.hpp"
#include "lathe/core/hash.hpp"
#include "lathe/engine/training_pass.hpp"

namespace lathe::detail {

enum class primitive_kind : std::uint8_t {
    convolution, convolution_data_gradient, convolution_weight_gradient, matmul, pooling,
    pooling_gradient, reorder
};

/// Everything that a primitive depends on besides the ISA.
struct primitive_key {
    primitive_key(primitive_kind kind, std::initializer_list<std::int64_t> numbers)
        : values(numbers) {
        values.push_back(static_cast<std::int64_t>(kind));
    }
    std::vector<std::int64_t> values;

    friend bool operator==(const primitive_key&, const primitive_key&) = default;
};

struct primitive_key_hash {
    std::size_t operator()(const primitive_key& key) const noexcept {
        hasher h;
        for (const auto v : key.values) h.add(static_cast<std::uint64_t>(v));
        return h.value();
    }
};

/// A primitive and the descriptors of its operands. What each slot holds is up to the maker.
struct made_primitive {
    dnnl::primitive primitive;
    dnnl::memory::desc src, weights, dst, workspace, scratchpad;
    std::string implementation;
};

/// get() may be called by several threads at once.
class primitive_cache {
public:
    using handle = std::shared_ptr<const made_primitive>;

    explicit primitive_cache(std::size_t capacity, pass_counters& counters)
        : capacity_(capacity), counters_(counters) {}

    /// Who comes while another thread makes the same one waits for it.
    template <class Make>
    handle get(const primitive_key& key, Make make) {
        std::promise<handle> promise;
        if (const auto found = find_or_promise(key, promise); found.valid()) return found.get();
        try {
            const auto start = std::chrono::steady_clock::now();
            auto made = std::make_shared<const made_primitive>(make());
            count_made(std::chrono::steady_clock::now() - start);
            promise.set_value(made);
            return made;
        } catch (...) {
            forget(key);
            promise.set_exception(std::current_exception());
            throw;
        }
    }

    /// Names of the kernels behind all entries, each once.
    [[nodiscard]] std::set<std::string> implementations() const {
        std::set<std::string> names;
        for (const auto& e : order_) names.insert(e.made.get()->implementation);
        return names;
    }

private:
    using future = std::shared_future<handle>;
    struct entry {
        primitive_key key;
        future made;
    };

    /// What is there already; otherwise nothing, and the promise takes its place.
    future find_or_promise(const primitive_key& key, std::promise<handle>& promise) {
        const std::scoped_lock lock(mutex_);
        if (const auto found = entries_.find(key); found != entries_.end()) {
            ++counters_.primitives_reused;
            order_.splice(order_.begin(), order_, found->second);
            return found->second->made;
        }
        order_.push_front({key, promise.get_future().share()});
        entries_.emplace(key, order_.begin());
        if (entries_.size() > capacity_) {
            entries_.erase(order_.back().key);
            order_.pop_back();
        }
        return {};
    }
    void forget(const primitive_key& key) {
        const std::scoped_lock lock(mutex_);
        const auto found = entries_.find(key);
        if (found == entries_.end()) return;
        order_.erase(found->second);
        entries_.erase(found);
    }
    void count_made(std::chrono::duration<double> time) {
        const std::scoped_lock lock(mutex_);
        ++counters_.primitives_made;
        counters_.making_seconds += time.count();
    }

    std::size_t capacity_;
    std::mutex mutex_;
    pass_counters& counters_;
    std::list<entry> order_;  ///< most recent first
    std::unordered_map<primitive_key, std::list<entry>::iterator, primitive_key_hash> entries_;
};

}  // namespace lathe::detail
