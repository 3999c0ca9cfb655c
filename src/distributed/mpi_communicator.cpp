// SPDX-License-Identifier: Apache-2.0
#include "lathe/distributed/mpi_communicator.hpp"

#include <fmt/format.h>
#include <mpi.h>

#include <algorithm>
#include <exception>
#include <string>
#include <vector>

#include "lathe/core/error.hpp"

namespace lathe {
namespace {

/// MPI counts in int; blocks also bound what is kept for the exchange.
constexpr std::size_t block_floats = std::size_t{1} << 20;
constexpr std::size_t block_bytes = std::size_t{1} << 30;

void require(int status, const char* operation) {
    if (status == MPI_SUCCESS) return;
    char text[MPI_MAX_ERROR_STRING] = {};
    int length = 0;
    MPI_Error_string(status, text, &length);
    throw error(errc::io, operation, std::string(text, static_cast<std::size_t>(length)),
                "look at the launcher's messages: a rank may have ended");
}

void require_running() {
    const char* const place = "mpi_communicator";
    const char* const remedy = "keep an mpi_session in main(), or call MPI_Init_thread with "
                               "MPI_THREAD_FUNNELED";
    int yes = 0;
    MPI_Initialized(&yes);
    if (yes == 0) throw error(errc::unsupported, place, "MPI is not initialised", remedy);
    MPI_Finalized(&yes);
    if (yes != 0) throw error(errc::unsupported, place, "MPI is finalised already", remedy);
    int threads = MPI_THREAD_SINGLE;
    MPI_Query_thread(&threads);
    if (threads < MPI_THREAD_FUNNELED) {
        throw error(errc::unsupported, place, "MPI was initialised for processes without threads",
                    remedy);
    }
}

}  // namespace

mpi_session::mpi_session() : exceptions_(std::uncaught_exceptions()) {
    int yes = 0;
    MPI_Initialized(&yes);
    if (yes != 0) {
        throw error(errc::unsupported, "mpi_session", "MPI is initialised already",
                    "let one place start and end MPI");
    }
    int threads = MPI_THREAD_SINGLE;
    require(MPI_Init_thread(nullptr, nullptr, MPI_THREAD_FUNNELED, &threads), "MPI_Init_thread");
}

mpi_session::~mpi_session() {
    if (std::uncaught_exceptions() == exceptions_) MPI_Finalize();
}

/// Errors that MPI reports to `of` come back as statuses for as long as this lives: its default
/// ends the whole job.
class returned_errors {
public:
    explicit returned_errors(MPI_Comm of) : of_(of) {
        MPI_Comm_get_errhandler(of_, &before_);
        MPI_Comm_set_errhandler(of_, MPI_ERRORS_RETURN);
    }
    ~returned_errors() {
        MPI_Comm_set_errhandler(of_, before_);
        MPI_Errhandler_free(&before_);
    }
    returned_errors(const returned_errors&) = delete;
    returned_errors& operator=(const returned_errors&) = delete;

private:
    MPI_Comm of_;
    MPI_Errhandler before_ = MPI_ERRHANDLER_NULL;
};

struct mpi_communicator::state {
    explicit state(MPI_Comm of) {
        // Where a handle that is none is reported depends on MPI's version.
        const returned_errors world(MPI_COMM_WORLD);
        const returned_errors self(MPI_COMM_SELF);
        require(MPI_Comm_dup(of, &comm), "MPI_Comm_dup");
        MPI_Comm_set_errhandler(comm, MPI_ERRORS_RETURN);
        MPI_Comm_rank(comm, &rank);
        MPI_Comm_size(comm, &size);
        counts.resize(static_cast<std::size_t>(size));
        offsets.resize(counts.size());
        incoming_counts.resize(counts.size());
        incoming_offsets.resize(counts.size());
    }
    ~state() {
        int finalised = 0;
        MPI_Finalized(&finalised);
        if (finalised == 0) MPI_Comm_free(&comm);
    }
    state(const state&) = delete;
    state& operator=(const state&) = delete;

    /// Part r of the values belongs to rank r.
    void divide(int values) {
        const int share = (values + size - 1) / size;
        for (int r = 0; r < size; ++r) {
            const auto at = static_cast<std::size_t>(r);
            offsets[at] = std::min(r * share, values);
            counts[at] = std::min(share, values - offsets[at]);
        }
        const int mine = counts[static_cast<std::size_t>(rank)];
        std::ranges::fill(incoming_counts, mine);
        for (int r = 0; r < size; ++r) incoming_offsets[static_cast<std::size_t>(r)] = r * mine;
    }

    void sum(std::span<float> values) {
        divide(static_cast<int>(values.size()));
        const auto mine = static_cast<std::size_t>(counts[static_cast<std::size_t>(rank)]);
        parts.resize(mine * counts.size());
        require(MPI_Alltoallv(values.data(), counts.data(), offsets.data(), MPI_FLOAT, parts.data(),
                              incoming_counts.data(), incoming_offsets.data(), MPI_FLOAT, comm),
                "MPI_Alltoallv");
        const std::span<float> total = std::span(parts).first(mine);
        for (std::size_t r = 1; r < counts.size(); ++r) {
            const std::span<const float> part = std::span(parts).subspan(r * mine, mine);
            for (std::size_t i = 0; i < mine; ++i) total[i] += part[i];
        }
        require(MPI_Allgatherv(total.data(), static_cast<int>(mine), MPI_FLOAT, values.data(),
                               counts.data(), offsets.data(), MPI_FLOAT, comm),
                "MPI_Allgatherv");
    }

    MPI_Comm comm = MPI_COMM_NULL;
    int rank = 0;
    int size = 1;
    std::vector<int> counts, offsets;                    // of the values, by the rank that adds them
    std::vector<int> incoming_counts, incoming_offsets;  // of this rank's part from every rank
    std::vector<float> parts;
};

mpi_communicator::mpi_communicator() {
    require_running();
    state_ = std::make_unique<state>(MPI_COMM_WORLD);
}
mpi_communicator::mpi_communicator(int fortran_handle) {
    require_running();
    const MPI_Comm comm = MPI_Comm_f2c(fortran_handle);
    if (comm == MPI_COMM_NULL) {
        throw error(errc::bad_input, "mpi_communicator",
                    fmt::format("{} is no communicator", fortran_handle),
                    "give MPI_Comm_c2f(communicator)");
    }
    state_ = std::make_unique<state>(comm);
}
mpi_communicator::~mpi_communicator() = default;
mpi_communicator::mpi_communicator(mpi_communicator&&) noexcept = default;
mpi_communicator& mpi_communicator::operator=(mpi_communicator&&) noexcept = default;

int mpi_communicator::rank() const noexcept { return state_->rank; }
int mpi_communicator::size() const noexcept { return state_->size; }

void mpi_communicator::all_reduce_sum(std::span<float> values) {
    for (; !values.empty(); values = values.subspan(std::min(values.size(), block_floats))) {
        state_->sum(values.first(std::min(values.size(), block_floats)));
    }
}

void mpi_communicator::broadcast(std::span<std::byte> bytes) {
    for (; !bytes.empty(); bytes = bytes.subspan(std::min(bytes.size(), block_bytes))) {
        const auto count = static_cast<int>(std::min(bytes.size(), block_bytes));
        require(MPI_Bcast(bytes.data(), count, MPI_BYTE, 0, state_->comm), "MPI_Bcast");
    }
}

}  // namespace lathe
