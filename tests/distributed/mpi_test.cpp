// SPDX-License-Identifier: Apache-2.0
// Every rank runs every case: CMakeLists.txt starts this program on several.
#define CATCH_CONFIG_RUNNER
#include <catch2/catch.hpp>
#include <cstdlib>
#include <fstream>
#include <mpi.h>
#include <stdexcept>
#include <unistd.h>

#include "format/failure.hpp"
#include "lathe/core/rng.hpp"
#include "lathe/distributed/mpi_communicator.hpp"
#include "supernet/thread_ranks.hpp"

using namespace lathe;
using test::quick_ranks;
using test::train_small;

namespace {

std::string refusal_before_mpi;

std::vector<float> values_of(int rank, std::size_t count) {
    rng random(17, static_cast<std::uint64_t>(rank));
    std::vector<float> values(count);
    for (auto& v : values) v = static_cast<float>(random.real() - 0.5);
    return values;
}

bool same_on_all(mpi_communicator& mpi, hash64 here) {
    hash64 first = here;
    mpi.broadcast(std::as_writable_bytes(std::span(&first, 1)));
    float differ = first == here ? 0.0F : 1.0F;
    mpi.all_reduce_sum({&differ, 1});
    return differ == 0.0F;
}

}  // namespace

int main(int argc, char** argv) {
    try {
        const mpi_communicator too_early;
    } catch (const error& e) {
        refusal_before_mpi = e.what();
    }
    const mpi_session session;
    return Catch::Session().run(argc, argv);
}

TEST_CASE("without MPI a communicator says what is missing; MPI is started once") {
    CHECK_THAT(refusal_before_mpi,
               Catch::Contains("not initialised") && Catch::Contains("mpi_session"));
    CHECK_FAILS(mpi_session(), errc::unsupported, "initialised already");
    CHECK_FAILS(mpi_communicator(MPI_Comm_c2f(MPI_COMM_NULL)), errc::bad_input, "no communicator");
    CHECK_FAILS(mpi_communicator(9999), errc::io, "MPI_Comm_dup");
}

TEST_CASE("a sum has the bits of adding in the order of the ranks") {
    mpi_communicator mpi;
    // Nothing, fewer values than ranks, ragged parts, and more than one block of 2^20.
    for (const std::size_t count : {0U, 1U, 2U, 3U, 1000U, (1U << 20) + 7U}) {
        CAPTURE(count);
        std::vector<float> expected = values_of(0, count);
        for (int r = 1; r < mpi.size(); ++r) {
            const auto more = values_of(r, count);
            for (std::size_t i = 0; i < count; ++i) expected[i] += more[i];
        }
        auto values = values_of(mpi.rank(), count);
        mpi.all_reduce_sum(values);
        CHECK((values == expected));
    }
}

TEST_CASE("a broadcast gives all what rank 0 has") {
    mpi_communicator first;
    mpi_communicator mpi = std::move(first);
    for (const std::size_t count : {0U, 1U, 5'000'000U}) {
        std::vector<unsigned char> bytes(count, static_cast<unsigned char>(mpi.rank() + 7));
        mpi.broadcast(std::as_writable_bytes(std::span(bytes)));
        CHECK((bytes == std::vector<unsigned char>(count, 7)));
    }
}

TEST_CASE("any communicator will do") {
    int rank = 0;
    int size = 0;
    MPI_Comm_rank(MPI_COMM_WORLD, &rank);
    MPI_Comm_size(MPI_COMM_WORLD, &size);
    MPI_Comm backwards = MPI_COMM_NULL;
    MPI_Comm_split(MPI_COMM_WORLD, 0, -rank, &backwards);
    {
        mpi_communicator mpi(MPI_Comm_c2f(backwards));
        CHECK(mpi.size() == size);
        CHECK(mpi.rank() == size - 1 - rank);
        float of_last = static_cast<float>(rank);
        mpi.broadcast(std::as_writable_bytes(std::span(&of_last, 1)));
        CHECK(of_last == static_cast<float>(size - 1));
    }
    MPI_Comm_free(&backwards);
}

TEST_CASE("processes end with the bits that as many threads end with") {
    mpi_communicator mpi;
    const auto mine = train_small(mpi, quick_ranks(20));
    CHECK(mine.report.complete);
    CHECK(same_on_all(mpi, mine.weights));
    if (mpi.rank() == 0) {
        auto threads = test::on_ranks(mpi.size(), [](test::thread_rank& rank) {
            return train_small(rank, quick_ranks(20)).weights;
        });
        CHECK(threads.front().get() == mine.weights);
    }
}

TEST_CASE("what one rank throws ends all, who can go on to something else") {
    mpi_communicator mpi;
    const int failing = mpi.size() - 1;
    const auto train = [&] {
        (void)train_small(mpi, quick_ranks(6), [&](const training_progress& p) {
            if (mpi.rank() == failing && p.step == 3) throw std::runtime_error("the disk is on fire");
        });
    };
    if (mpi.rank() == failing) {
        CHECK_THROWS_WITH(train(), "the disk is on fire");
    } else {
        CHECK_FAILS(train(), errc::io, "rank " + std::to_string(failing));
    }
    CHECK(same_on_all(mpi, train_small(mpi, quick_ranks(2)).weights));
}

// Started by kill_and_resume.py, which kills a rank of it.
TEST_CASE("child that trains with checkpoints", "[.child]") {
    const std::filesystem::path folder = std::getenv("LATHE_TEST_FOLDER");
    mpi_communicator mpi;
    std::ofstream(folder / ("pid" + std::to_string(mpi.rank()))) << getpid() << std::endl;
    auto settings = quick_ranks(150);
    settings.checkpoint = folder / "weights.safetensors";
    settings.checkpoint_seconds = 0.0;
    int steps = 0;
    const auto mine =
        train_small(mpi, settings, [&](const training_progress&) { ++steps; });
    REQUIRE(mine.report.complete);
    REQUIRE(same_on_all(mpi, mine.weights));
    if (mpi.rank() == 0) std::ofstream(folder / "result") << steps << ' ' << mine.weights << '\n';
}
