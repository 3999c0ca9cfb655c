// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "data/byte_stream.hpp"
#include "lathe/data/files.hpp"

namespace lathe {
namespace {

constexpr const char* wrong_kind = "give an IDX file of unsigned bytes";

/// The content of an IDX file of unsigned bytes with N dimensions.
template <std::size_t N>
struct idx_content {
    std::array<std::uint32_t, N> dimensions{};
    std::vector<std::uint8_t> bytes;
};

template <std::size_t N>
idx_content<N> read_content(detail::byte_stream& in) {
    std::array<std::uint8_t, 4 + 4 * N> header{};
    in.read(std::span(header).first(4));
    constexpr std::uint8_t unsigned_byte = 0x08;
    if (header[0] != 0 || header[1] != 0 || header[2] != unsigned_byte || header[3] != N) {
        throw in.fail(
            0,
            fmt::format("magic number {:02x}{:02x}{:02x}{:02x} instead of {:08x}", header[0],
                        header[1], header[2], header[3], std::uint32_t{unsigned_byte} << 8 | N),
            wrong_kind);
    }
    in.read(std::span(header).subspan(4));
    idx_content<N> content;
    std::uint64_t total = 1;
    for (std::size_t d = 0; d < N; ++d) {
        std::uint32_t& dimension = content.dimensions[d];
        for (std::size_t k = 0; k < 4; ++k) dimension = dimension << 8 | header[4 + 4 * d + k];
        // Both factors are below 2^32 as long as the product is kept small.
        total *= dimension;
        if (dimension == 0 || total > max_pixel_bytes) {
            throw in.fail(4 + 4 * d, fmt::format("dimension {} is {}", d, dimension),
                          fmt::format("sizes go from 1 to {} bytes in all", max_pixel_bytes));
        }
    }
    if (total > in.most_that_can_follow()) {
        throw in.fail(header.size(),
                      fmt::format("{} bytes are announced, the file ends before", total),
                      "the file is truncated; get it again");
    }
    content.bytes.resize(total);
    in.read(content.bytes);
    in.expect_end();
    return content;
}

std::filesystem::path plain_or_packed(const std::filesystem::path& folder,
                                      const std::string& name) {
    auto plain = folder / name;
    auto packed = folder / (name + ".gz");
    std::error_code unreadable;
    if (std::filesystem::exists(plain, unreadable)) return plain;
    if (std::filesystem::exists(packed, unreadable)) return packed;
    throw error(errc::io, folder.string(), fmt::format("has neither {} nor {}.gz", name, name),
                "give the folder that holds the IDX files");
}

image_set read_part(const std::filesystem::path& folder, const std::string& part,
                    std::int32_t classes) {
    return read_idx_files(plain_or_packed(folder, part + "-images-idx3-ubyte"),
                          plain_or_packed(folder, part + "-labels-idx1-ubyte"), classes);
}

}  // namespace

image_set read_idx_files(const std::filesystem::path& images, const std::filesystem::path& labels,
                         std::int32_t classes) {
    detail::byte_stream image_stream(images);
    auto pictures = read_content<3>(image_stream);
    detail::byte_stream label_stream(labels);
    auto names = read_content<1>(label_stream);
    const auto [count, height, width] = pictures.dimensions;
    if (names.dimensions[0] != count) {
        throw label_stream.fail(4, fmt::format("{} labels", names.dimensions[0]),
                                fmt::format("{} has {} images", images.string(), count));
    }
    const auto bad =
        std::ranges::find_if(names.bytes, [&](auto label) { return label >= classes; });
    if (bad != names.bytes.end()) {
        throw label_stream.fail(static_cast<std::uint64_t>(8 + (bad - names.bytes.begin())),
                                fmt::format("label {} is out of range", *bad),
                                fmt::format("labels go from 0 to {}", classes - 1));
    }
    return {{static_cast<std::int32_t>(height), static_cast<std::int32_t>(width), 1},
            classes,
            std::move(pictures.bytes),
            std::move(names.bytes)};
}

image_data read_idx(const std::filesystem::path& folder, std::int32_t classes) {
    image_set test = read_part(folder, "t10k", classes);
    image_set train = read_part(folder, "train", classes);
    if (train.shape() != test.shape()) {
        throw error(errc::bad_input, folder.string(),
                    fmt::format("the training images are {} x {}, the test images {} x {}",
                                train.shape().height, train.shape().width, test.shape().height,
                                test.shape().width));
    }
    return {std::move(train), held_out<image_set>(std::move(test))};
}

}  // namespace lathe
