// SPDX-License-Identifier: Apache-2.0
// Ranks that are processes, by MPI, on one machine or many.
#pragma once

#include <cstddef>
#include <memory>
#include <span>

#include "lathe/core/communicator.hpp"

namespace lathe {

/// MPI for the life of a program that does not start and end MPI itself: one object in main(), before
/// threads are started. Knows nothing of the launcher; a program started without one has one rank.
class mpi_session {
public:
    /// Initialises MPI, for communication by the main thread. Throws unsupported when MPI was
    /// initialised already, io when MPI says no.
    mpi_session();
    /// Finalises MPI, which waits for all ranks; not while an exception leaves main(), when the
    /// others may be waiting for this one: the launcher ends them.
    ~mpi_session();
    mpi_session(const mpi_session&) = delete;
    mpi_session& operator=(const mpi_session&) = delete;

private:
    int exceptions_;
};

/// A communicator of its own (MPI_Comm_dup), so that its messages meet no others. The sum is by
/// exchange of parts: each rank adds one part of all, in the order of the ranks, and hands it out;
/// per rank 2 (size - 1) / size of the bytes are sent and received, and MPI only moves them. Calls come
/// from one thread at a time, the one that initialised MPI unless MPI was initialised for more.
class mpi_communicator {
public:
    /// All ranks of the job (MPI_COMM_WORLD). Throws unsupported when MPI is not initialised, is
    /// finalised, or was initialised without MPI_THREAD_FUNNELED.
    mpi_communicator();
    /// The ranks of any communicator, by MPI_Comm_c2f(communicator). All of them call this.
    explicit mpi_communicator(int fortran_handle);
    ~mpi_communicator();
    mpi_communicator(mpi_communicator&&) noexcept;
    mpi_communicator& operator=(mpi_communicator&&) noexcept;

    [[nodiscard]] int rank() const noexcept;
    [[nodiscard]] int size() const noexcept;
    /// Throw io, naming the operation, when MPI fails.
    void all_reduce_sum(std::span<float> values);
    void broadcast(std::span<std::byte> bytes);

private:
    struct state;
    std::unique_ptr<state> state_;
};
static_assert(Communicator<mpi_communicator>);

}  // namespace lathe
