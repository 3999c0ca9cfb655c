// SPDX-License-Identifier: Apache-2.0
// A bounded least-recently-used cache of oneDNN primitives for training, where shapes change with
// every subnet. Holds no weights and no data.
#pragma once

#include <chrono>
#include <cstdint>
#include <initializer_list>
#include <list>
#include <memory>
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

class primitive_cache {
public:
    using handle = std::shared_ptr<const made_primitive>;

    explicit primitive_cache(std::size_t capacity, pass_counters& counters)
        : capacity_(capacity), counters_(counters) {}

    template <class Make>
    handle get(const primitive_key& key, Make make) {
        if (const auto found = entries_.find(key); found != entries_.end()) {
            ++counters_.primitives_reused;
            order_.splice(order_.begin(), order_, found->second);
            return found->second->made;
        }
        const auto start = std::chrono::steady_clock::now();
        order_.push_front({key, std::make_shared<const made_primitive>(make())});
        counters_.making_seconds +=
            std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
        ++counters_.primitives_made;
        entries_.emplace(key, order_.begin());
        if (entries_.size() > capacity_) {
            entries_.erase(order_.back().key);
            order_.pop_back();
        }
        return order_.front().made;
    }

    /// Names of the kernels behind all entries, each once.
    [[nodiscard]] std::set<std::string> implementations() const {
        std::set<std::string> names;
        for (const auto& e : order_) names.insert(e.made->implementation);
        return names;
    }

private:
    struct entry {
        primitive_key key;
        handle made;
    };

    std::size_t capacity_;
    pass_counters& counters_;
    std::list<entry> order_;  ///< most recent first
    std::unordered_map<primitive_key, std::list<entry>::iterator, primitive_key_hash> entries_;
};

}  // namespace lathe::detail
