// SPDX-License-Identifier: Apache-2.0
#include "lathe/data/files.hpp"

#include <fmt/format.h>
#include <zlib.h>

#include <array>

#include "format/failure.hpp"
#include "support/idx_bytes.hpp"
#include "support/temporary_folder.hpp"
#include "lathe/core/rng.hpp"

using namespace lathe;

namespace {

std::string random_bytes(std::size_t n, std::uint64_t seed) {
    rng random(seed);
    std::string bytes(n, '\0');
    for (auto& b : bytes) b = static_cast<char>(random.below(256));
    return bytes;
}

std::string gzip(const std::string& content) {
    z_stream z{};
    REQUIRE(deflateInit2(&z, 6, Z_DEFLATED, 31, 8, Z_DEFAULT_STRATEGY) == Z_OK);
    std::string out(content.size() + 200, '\0');
    std::string in = content;
    z.next_in = reinterpret_cast<Bytef*>(in.data());
    z.avail_in = static_cast<uInt>(in.size());
    z.next_out = reinterpret_cast<Bytef*>(out.data());
    z.avail_out = static_cast<uInt>(out.size());
    REQUIRE(deflate(&z, Z_FINISH) == Z_STREAM_END);
    out.resize(z.total_out);
    deflateEnd(&z);
    return out;
}

/// Three images of 2 x 4 with the labels 7, 0, 9 as a pair of files.
struct idx_pair : temporary_folder {
    std::string pixels = random_bytes(24, 1);
    std::string images = idx_images(3, 2, 4, pixels);
    std::string labels = idx_labels(3, std::string("\x07\x00\x09", 3));

    image_set read(const std::string& i, const std::string& l, const char* suffix = "") const {
        put(*this / (std::string("images") + suffix), i);
        put(*this / (std::string("labels") + suffix), l);
        return read_idx_files(*this / (std::string("images") + suffix),
                              *this / (std::string("labels") + suffix), 10);
    }
};

std::filesystem::path shared(const char* name) {
    return std::filesystem::path(LATHE_SOURCE_DIR) / "../shared/data" / name;
}

constexpr std::size_t cifar_record = 3073;

}  // namespace

TEST_CASE("IDX files are read, plain and packed") {
    const idx_pair f;
    for (const bool packed : {false, true}) {
        const image_set set =
            packed ? f.read(gzip(f.images), gzip(f.labels), ".gz") : f.read(f.images, f.labels);
        REQUIRE(set.size() == 3);
        CHECK(set.shape() == image_shape{2, 4, 1});
        CHECK(set.label(0) == 7);
        CHECK(set.label(2) == 9);
        const auto last = set.image(2);
        CHECK(std::string(last.begin(), last.end()) == f.pixels.substr(16));
    }
}

TEST_CASE("a folder of IDX files, some packed") {
    const idx_pair f;
    put(f / "train-images-idx3-ubyte", f.images);
    put(f / "train-labels-idx1-ubyte.gz", gzip(f.labels));
    put(f / "t10k-images-idx3-ubyte.gz", gzip(idx_images(1, 2, 4, "12345678")));
    put(f / "t10k-labels-idx1-ubyte", idx_labels(1, "\x03"));
    image_data data = read_idx(f.path());
    CHECK(data.train.size() == 3);
    CHECK(data.test.size() == 1);
    CHECK(std::move(data.test).open().label(0) == 3);
    put(f / "t10k-images-idx3-ubyte.gz", gzip(idx_images(1, 4, 2, "12345678")));
    CHECK_FAILS(read_idx(f.path()), errc::bad_input, "2 x 4", "4 x 2");
    std::filesystem::remove(f / "train-images-idx3-ubyte");
    CHECK_FAILS(read_idx(f.path()), errc::io, "neither train-images-idx3-ubyte nor");
}

TEST_CASE("every truncation of an IDX file is refused") {
    const idx_pair f;
    const std::string packed = gzip(f.images);
    for (std::size_t n = 0; n < f.images.size(); ++n) {
        INFO(n);
        CHECK_FAILS(f.read(f.images.substr(0, n), f.labels), errc::bad_input, "images", "byte ");
    }
    for (std::size_t n = 0; n < f.labels.size(); ++n) {
        INFO(n);
        CHECK_FAILS(f.read(f.images, f.labels.substr(0, n)), errc::bad_input, "labels", "byte ");
    }
    for (std::size_t n = 0; n < packed.size(); ++n) {
        INFO("packed " << n);
        CHECK_FAILS(f.read(packed.substr(0, n), gzip(f.labels), ".gz"), errc::bad_input,
                    "images.gz", "byte ");
    }
}

TEST_CASE("every damaged byte of a packed file is noticed or harmless") {
    const idx_pair f;
    const std::string good = gzip(f.images);
    const std::string labels = gzip(f.labels);
    int refused = 0;
    for (std::size_t at = 0; at < good.size(); ++at) {
        std::string bad = good;
        bad[at] = static_cast<char>(bad[at] ^ 0x15);
        try {
            const image_set set = f.read(bad, labels, ".gz");
            // Only time stamp, flags and the like may change without a notice.
            REQUIRE(at < 10);
            REQUIRE(set.size() == 3);
        } catch (const error& e) {
            ++refused;
            REQUIRE(e.code() == errc::bad_input);
        }
    }
    CHECK(refused >= static_cast<int>(good.size()) - 10);
}

TEST_CASE("what is wrong with an IDX file is named with its offset") {
    const idx_pair f;
    const auto refuse = [&](const std::string& images, const std::string& labels, const char* place,
                            const char* problem) {
        CHECK_FAILS(f.read(images, labels), errc::bad_input, place, problem);
        CHECK_FAILS(f.read(gzip(images), gzip(labels), ".gz"), errc::bad_input, problem);
    };
    refuse(f.labels, f.labels, "images: byte 0", "magic number 00000801 instead of 00000803");
    refuse("PNG picture data", f.labels, "images: byte 0", "magic number 504e4720");
    refuse(f.images + "x", f.labels, "images: byte 40", "more bytes than announced");
    refuse(f.images, f.labels + "xy", "labels: byte 11", "more bytes than announced");
    refuse(f.images, idx_labels(3, std::string("\x07\x0A\x09", 3)), "labels: byte 9",
           "label 10 is out of range");
    refuse(f.images, idx_labels(2, std::string("\x07\x00", 2)), "labels: byte 4", "2 labels");
    refuse(idx_images(3, 0, 4, ""), f.labels, "images: byte 8", "dimension 1 is 0");
    refuse(idx_images(3, 2, 5, f.pixels), f.labels, "images: byte", "bytes");
    CHECK_FAILS(f.read(gzip(f.images) + "tail", gzip(f.labels), ".gz"), errc::bad_input,
                "bytes follow the packed data");
    CHECK_FAILS(f.read(f.images, f.labels, ".gz"), errc::bad_input, "images.gz: byte 0", "damaged");
}

TEST_CASE("huge announced sizes are refused before memory is taken") {
    const idx_pair f;
    const std::uint32_t most = 0xFFFFFFFF;
    CHECK_FAILS(f.read(idx_images(most, most, most, ""), f.labels), errc::bad_input, "byte 4");
    CHECK_FAILS(f.read(idx_images(1 << 16, 1 << 16, 1 << 16, ""), f.labels), errc::bad_input,
                "byte 8");
    CHECK_FAILS(f.read(idx_images(1000, 1000, 1000, ""), f.labels), errc::bad_input, "byte 16",
                "announced");
    CHECK_FAILS(f.read(gzip(idx_images(1000, 1000, 1000, "")), gzip(f.labels), ".gz"),
                errc::bad_input, "byte 16", "announced");
}

TEST_CASE("MNIST is read") {
    const auto folder = shared("mnist10k");
    if (!std::filesystem::exists(folder)) {
        WARN("skipped: ../shared/data/mnist10k is not there");
        return;
    }
    const image_data data = read_idx(folder);
    CHECK(data.train.size() == 8000);
    CHECK(data.test.size() == 2000);
    CHECK(data.train.shape() == image_shape{28, 28, 1});
    std::array<int, 10> count{};
    for (std::size_t i = 0; i < data.train.size(); ++i) {
        ++count[static_cast<std::size_t>(data.train.label(i))];
    }
    for (const int c : count) CHECK(c > 600);
}

TEST_CASE("a CIFAR-10 file becomes images with interleaved channels") {
    const temporary_folder folder;
    std::string content = random_bytes(2 * cifar_record, 4);
    content[0] = 3;
    content[cifar_record] = 9;
    put(folder / "batch.bin", content);
    const image_set set = read_cifar10_file(folder / "batch.bin", 2);
    CHECK(set.shape() == image_shape{32, 32, 3});
    CHECK(set.label(0) == 3);
    CHECK(set.label(1) == 9);
    for (std::size_t n = 0; n < 2; ++n) {
        for (std::size_t c = 0; c < 3; ++c) {
            for (std::size_t i = 0; i < 1024; ++i) {
                REQUIRE(set.image(n)[3 * i + c] ==
                        static_cast<std::uint8_t>(content[n * cifar_record + 1 + c * 1024 + i]));
            }
        }
    }
}

TEST_CASE("a CIFAR-10 file of the wrong size or with a wrong label is refused") {
    const temporary_folder folder;
    const auto path = folder / "batch.bin";
    const std::string two(2 * cifar_record, '\0');
    put(path, two.substr(0, two.size() - 1));
    CHECK_FAILS(read_cifar10_file(path, 2), errc::bad_input, "batch.bin", "6145 bytes",
                "1 whole images of 3073 bytes and 3072 more", "2 images are expected");
    put(path, two.substr(cifar_record));
    CHECK_FAILS(read_cifar10_file(path, 2), errc::bad_input, "1 whole images");
    put(path, two + 'x');
    CHECK_FAILS(read_cifar10_file(path, 2), errc::bad_input, "and 1 more");
    std::string wrong = two;
    wrong[cifar_record] = 10;
    put(path, wrong);
    CHECK_FAILS(read_cifar10_file(path, 2), errc::bad_input, "batch.bin: byte 3073",
                "label 10 of image 1", "0 to 9");
    CHECK_FAILS(read_cifar10(folder.path()), errc::io, "test_batch.bin", "No such file");
}

TEST_CASE("CIFAR-10 is read") {
    const auto folder = std::filesystem::path(LATHE_SOURCE_DIR) / ".data/cifar10";
    if (!std::filesystem::exists(folder)) {
        WARN("skipped: .data/cifar10 is not there (unpack.py of ../shared/data/cifar10 makes it)");
        return;
    }
    const image_data data = read_cifar10(folder);
    CHECK(data.train.size() == 50000);
    CHECK(data.test.size() == 10000);
    std::array<int, 10> count{};
    for (std::size_t i = 0; i < data.train.size(); ++i) {
        ++count[static_cast<std::size_t>(data.train.label(i))];
    }
    for (const int c : count) CHECK(c == 5000);
}
