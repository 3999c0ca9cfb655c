// SPDX-License-Identifier: Apache-2.0
#include "lathe/optimizer/random_search.hpp"

#include "optimizer/ledger.hpp"

namespace lathe {

struct random_search::impl {
    search_domain domain;
    random_search_options options;
    detail::ledger book{domain, options.seed, options.first};
};

random_search::random_search(search_domain domain, random_search_options options)
    : impl_(new impl{std::move(domain), std::move(options)}) {}
random_search::~random_search() = default;
random_search::random_search(random_search&&) noexcept = default;
random_search& random_search::operator=(random_search&&) noexcept = default;

std::vector<proposal> random_search::ask(std::size_t n) {
    auto& book = impl_->book;
    std::vector<proposal> out;
    book.reserve(n, out);
    while (out.size() < n && (book.propose_first(out) || book.propose_random(out))) {
    }
    book.set_exhausted(out.size() < n);
    return out;
}

void random_search::tell(std::span<const outcome> outcomes) { impl_->book.accept(outcomes); }

void random_search::receive(std::span<const immigrant> results) { impl_->book.receive(results); }

std::string random_search::state() const {
    detail::state_writer out("random_search");
    impl_->book.write(out);
    return out.finish();
}

void random_search::restore(std::string_view state) {
    detail::state_reader in("random_search", state);
    auto fresh = std::make_unique<impl>(impl{impl_->domain, impl_->options});
    fresh->book.read(in);
    in.finish();
    impl_ = std::move(fresh);
}

optimizer_counts random_search::counts() const noexcept { return impl_->book.counts(); }

}  // namespace lathe
