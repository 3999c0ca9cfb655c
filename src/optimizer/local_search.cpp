// SPDX-License-Identifier: Apache-2.0
#include "lathe/optimizer/local_search.hpp"

#include "optimizer/check_options.hpp"
#include "optimizer/ledger.hpp"
#include "optimizer/population.hpp"

namespace lathe {
namespace {

local_search_options checked(local_search_options o) {
    detail::require_range<std::size_t>("local_search", "starts", o.starts, 1, std::size_t{1} << 24);
    return o;
}

/// Change of one gene.
struct step {
    std::uint32_t axis;
    std::uint16_t option;
};

}  // namespace

struct local_search::impl {
    search_domain domain;
    local_search_options options;
    detail::ledger book{domain, options.seed, options.first};
    detail::population best{};        // of the present descent
    std::uint64_t descents = 1;
    std::size_t starts_left = options.starts;
    std::vector<std::uint16_t> child{};

    bool propose(std::vector<proposal>& out) {
        if (book.propose_first(out)) return true;
        if (starts_left == 0 && propose_neighbour(out)) return true;
        if (starts_left == 0 && book.in_flight().empty()) {
            ++descents;
            best = {};
            starts_left = options.starts;
        }
        if (!book.propose_random(out)) return false;
        if (starts_left > 0) --starts_left;
        return true;
    }

    bool propose_neighbour(std::vector<proposal>& out) {
        rng random = book.next_random(detail::draw_for::child);
        std::vector<std::size_t> order(best.size());
        for (std::size_t i = 0; i < order.size(); ++i) order[i] = i;
        random.shuffle(order);
        for (const std::size_t i : order) {
            std::vector<step> steps = neighbours(book.genes_of(best[i].id));
            random.shuffle(steps);
            for (const step s : steps) {
                const auto genes = book.genes_of(best[i].id);
                child.assign(genes.begin(), genes.end());
                child[s.axis] = s.option;
                if (book.propose(child, out)) return true;
            }
        }
        return false;
    }

    [[nodiscard]] std::vector<step> neighbours(detail::gene_span genes) const {
        std::vector<step> steps;
        for (const auto a : book.space().free_axes()) {
            const std::uint32_t size = book.space().sizes()[a];
            const bool ordinal = book.space().axes()[a].kind == axis_kind::ordinal;
            for (std::uint32_t o = 0; o < size; ++o) {
                const bool near = o + 1 == genes[a] || o == genes[a] + 1U;
                if (o != genes[a] && (near || !ordinal)) {
                    steps.push_back({a, static_cast<std::uint16_t>(o)});
                }
            }
        }
        return steps;
    }
};

local_search::local_search(search_domain domain, local_search_options options)
    : impl_(new impl{std::move(domain), checked(std::move(options))}) {}
local_search::~local_search() = default;
local_search::local_search(local_search&&) noexcept = default;
local_search& local_search::operator=(local_search&&) noexcept = default;

std::vector<proposal> local_search::ask(std::size_t n) {
    std::vector<proposal> out;
    impl_->book.reserve(n, out);
    while (out.size() < n && impl_->propose(out)) {
    }
    impl_->book.set_exhausted(out.size() < n);
    return out;
}

void local_search::tell(std::span<const outcome> outcomes) {
    for (const auto& r : impl_->book.accept(outcomes)) impl_->best.add(r);
    impl_->best.keep_first_rank();
}

void local_search::receive(std::span<const immigrant> results) {
    for (const auto& r : impl_->book.receive(results)) impl_->best.add(r);
    impl_->best.keep_first_rank();
}

std::string local_search::state() const {
    detail::state_writer out("local_search");
    out.add(std::uint64_t{impl_->options.starts});
    impl_->book.write(out);
    impl_->best.write(out);
    out.add(impl_->descents).add(std::uint64_t{impl_->starts_left});
    return out.finish();
}

void local_search::restore(std::string_view state) {
    detail::state_reader in("local_search", state);
    in.expect(impl_->options.starts, "belongs to other options");
    auto fresh = std::unique_ptr<impl>(new impl{impl_->domain, impl_->options});
    fresh->book.read(in);
    fresh->best.read(in, fresh->book);
    fresh->descents = in.integer();
    fresh->starts_left = in.integer();
    in.finish();
    impl_ = std::move(fresh);
}

optimizer_counts local_search::counts() const noexcept { return impl_->book.counts(); }
std::uint64_t local_search::descents() const noexcept { return impl_->descents; }

}  // namespace lathe
