// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>

#include "lathe/optimizer/concept.hpp"

namespace lathe {

struct random_search_options {
    std::uint64_t seed = 1;
    std::vector<genotype> first = {};  ///< proposed before anything else
};

/// Every member with the same probability, none twice. Spaces of up to 2^20 genotypes (aliases
/// included) are searched to the last member. In larger ones each proposal takes at most 800 draws;
/// where fewer than about one genotype in a hundred is its own canonical form, some draws take the
/// canonical form of any genotype and are then not exactly uniform.
class random_search {
public:
    /// Throws bad_input for a domain that is empty or contradicts itself.
    explicit random_search(search_domain domain, random_search_options options = {});
    ~random_search();
    random_search(random_search&&) noexcept;
    random_search& operator=(random_search&&) noexcept;

    [[nodiscard]] std::vector<proposal> ask(std::size_t n);
    void tell(std::span<const outcome> outcomes);
    void receive(std::span<const immigrant> results);
    [[nodiscard]] std::string state() const;
    void restore(std::string_view state);
    [[nodiscard]] optimizer_counts counts() const noexcept;

private:
    struct impl;
    std::unique_ptr<impl> impl_;
};
static_assert(ReceivingOptimizer<random_search>);

}  // namespace lathe
