// SPDX-License-Identifier: Apache-2.0
// Latency as the sum of the times of a program's steps, corrected by networks that were measured.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "lathe/core/fingerprint.hpp"
#include "lathe/cost_model/concept.hpp"
#include "lathe/cost_model/program_cost.hpp"
#include "lathe/network/program.hpp"

namespace lathe {

/// One timed step, all tiles of the batch together; `operation` is program_step::operation.
struct step_time {
    std::string operation;
    double ns = 0.0;
};

/// Errors of predictions for networks that the table was not fitted to.
struct prediction_error {
    std::size_t networks = 0;
    double mean = 0.0;       ///< mean of |prediction / measured - 1|
    double within_10 = 0.0;  ///< share of networks with an error of at most 10 %
};

/// Mean time of each operation on one machine in one deployment. The sum over a network's steps misses
/// what happens between them, so P50 is predicted as a + b * sum, where a and b minimise the squared
/// relative error over half of the observed networks. The other half gives the interval (split
/// conformal on |ln(measured / prediction)|) and the stated error.
class latency_table {
public:
    /// Throws bad_input for a bad deployment.
    latency_table(const fingerprint& machine, const deployment& target);

    /// Adds to the means. Throws numeric for a time that is not above 0 and finite, naming the
    /// operation; bad_input after the first observe(), whose sums would no longer be right.
    void add(std::span<const step_time> times);
    [[nodiscard]] std::size_t operations() const noexcept { return times_.size(); }

    /// Operations of the program that the table does not have, each once.
    [[nodiscard]] std::vector<std::string> missing(const program& p) const;
    /// Sum of the means in ns; nothing where one is missing or the program is for another deployment.
    [[nodiscard]] std::optional<double> sum(const program& p) const;

    /// A network's measured P50. Odd observations fit, even ones calibrate, so the order must not
    /// follow the latency. Returns false where there is no sum. Throws numeric for a bad time.
    bool observe(const program& p, double measured_ns);
    [[nodiscard]] std::size_t observations() const noexcept { return observed_.size(); }

    /// Not measured without a sum or before two observations fit; not resolvable before enough others
    /// calibrate (9 at 90 %); provenance is table.
    [[nodiscard]] estimate predict(const program& p, double confidence = 0.9) const;
    /// Of the calibrating half; nothing before there is one.
    [[nodiscard]] std::optional<prediction_error> error() const;

    [[nodiscard]] const deployment& target() const noexcept { return target_; }

    /// CSV, written whole or not at all.
    void save(const std::filesystem::path& path) const;
    /// Throws bad_input naming file and line, or that the table is from another machine.
    [[nodiscard]] static latency_table load(const std::filesystem::path& path,
                                            const fingerprint& machine);

private:
    struct mean_time {
        std::int64_t calls = 0;
        double ns = 0.0;
    };
    struct observed_network {
        double sum = 0.0;
        double measured = 0.0;
    };
    void fit();
    [[nodiscard]] double corrected(double sum) const noexcept { return offset_ + slope_ * sum; }

    hash64 machine_;
    deployment target_;
    std::map<std::string, mean_time, std::less<>> times_;
    std::vector<observed_network> observed_;
    double offset_ = 0.0;
    double slope_ = 0.0;
    std::vector<double> scores_;  // of the calibrating half
};

/// A latency table as a cost model. Observations of P50 latency in the table's deployment calibrate
/// it; other deployments are "not measured".
template <Compiler Compile>
class table_latency {
public:
    using provided = metric_list<latency_p50>;

    table_latency(latency_table table, Compile compile)
        : table_(std::move(table)), compile_(std::move(compile)) {}

    [[nodiscard]] static std::vector<metric_id> metrics() { return provided::ids(); }

    [[nodiscard]] cost_table estimate(std::span<const network> nets, const deployment& d) {
        validate(d);
        cost_table costs(metrics(), nets.size());
        for (std::size_t n = 0; n < nets.size(); ++n) {
            costs.column(0)[n] = table_.predict(compile_(nets[n], d));
        }
        return costs;
    }

    void observe(std::span<const observation> seen) {
        for (const observation& o : seen) {
            const bool wanted = o.metric.of == quantity::latency && o.metric.by == statistic::p50 &&
                                o.target == table_.target() && o.measured.known();
            if (wanted) table_.observe(compile_(*o.net, o.target), o.measured.value);
        }
    }

    [[nodiscard]] const latency_table& table() const noexcept { return table_; }

private:
    latency_table table_;
    Compile compile_;
};
static_assert(ObservingCostModel<table_latency<program (*)(const network&, const deployment&)>>);

}  // namespace lathe
