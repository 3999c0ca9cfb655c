// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <array>

#include "lathe/core/error.hpp"
#include "lathe/data/files.hpp"
#include "lathe/format/file.hpp"

namespace lathe {
namespace {

constexpr image_shape shape{32, 32, 3};
constexpr std::size_t plane = 32 * 32;
constexpr std::size_t record = 1 + 3 * plane;
constexpr std::size_t images_per_file = 10000;
constexpr std::int32_t classes = 10;

/// Appends the records of one file, planes interleaved.
void append_file(const std::filesystem::path& path, std::size_t images,
                 std::vector<std::uint8_t>& pixels, std::vector<std::uint8_t>& labels) {
    input_file file(path);
    if (file.size() != images * record) {
        throw error(
            errc::bad_input, path.string(),
            fmt::format("has {} bytes: {} whole images of {} bytes and {} more", file.size(),
                        file.size() / record, record, file.size() % record),
            fmt::format("{} images are expected; the file is truncated or no CIFAR-10 binary "
                        "file",
                        images));
    }
    std::array<std::uint8_t, record> buffer{};
    for (std::size_t n = 0; n < images; ++n) {
        const auto offset = file.offset();
        file.read(std::as_writable_bytes(std::span(buffer)));
        if (buffer[0] >= classes) {
            throw error(errc::bad_input, fmt::format("{}: byte {}", path.string(), offset),
                        fmt::format("label {} of image {} is out of range", buffer[0], n),
                        fmt::format("labels go from 0 to {}", classes - 1));
        }
        labels.push_back(buffer[0]);
        const std::size_t begin = pixels.size();
        pixels.resize(begin + 3 * plane);
        for (std::size_t c = 0; c < 3; ++c) {
            const std::uint8_t* const from = buffer.data() + 1 + c * plane;
            std::uint8_t* const to = pixels.data() + begin + c;
            for (std::size_t i = 0; i < plane; ++i) to[3 * i] = from[i];
        }
    }
}

}  // namespace

image_set read_cifar10_file(const std::filesystem::path& file, std::size_t images) {
    if (images > max_pixel_bytes / record) {
        throw error(errc::bad_input, file.string(), fmt::format("{} images are too many", images));
    }
    std::vector<std::uint8_t> pixels;
    std::vector<std::uint8_t> labels;
    append_file(file, images, pixels, labels);
    return {shape, classes, std::move(pixels), std::move(labels)};
}

image_data read_cifar10(const std::filesystem::path& folder) {
    // The small file first: a wrong folder is noticed at once.
    image_set test = read_cifar10_file(folder / "test_batch.bin", images_per_file);
    std::vector<std::uint8_t> pixels;
    std::vector<std::uint8_t> labels;
    pixels.reserve(5 * images_per_file * 3 * plane);
    for (int i = 1; i <= 5; ++i) {
        append_file(folder / fmt::format("data_batch_{}.bin", i), images_per_file, pixels, labels);
    }
    return {image_set(shape, classes, std::move(pixels), std::move(labels)),
            held_out<image_set>(std::move(test))};
}

}  // namespace lathe
