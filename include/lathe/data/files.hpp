// SPDX-License-Identifier: Apache-2.0
// Readers of the common file formats of small images.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>

#include "lathe/data/image_set.hpp"

namespace lathe {

/// No reader takes more than this many bytes of pixels from one file.
inline constexpr std::uint64_t max_pixel_bytes = std::uint64_t{1} << 30;

/// CIFAR-10's binary version: data_batch_1.bin ... data_batch_5.bin and test_batch.bin in `folder`,
/// 10,000 images of 32 x 32 x 3 each. Errors as read_cifar10_file.
[[nodiscard]] image_data read_cifar10(const std::filesystem::path& folder);

/// One file of exactly `images` records (label byte, then 32 x 32 red, green and blue planes).
/// Throws io when the file cannot be read, bad_input with the byte offset when its size is not that
/// of `images` records or a label is beyond 9.
[[nodiscard]] image_set read_cifar10_file(const std::filesystem::path& file, std::size_t images);

/// The four IDX files of MNIST and its relatives in `folder`: train-images-idx3-ubyte,
/// train-labels-idx1-ubyte and the same for t10k (the test set), each plain or with ".gz".
[[nodiscard]] image_data read_idx(const std::filesystem::path& folder, std::int32_t classes = 10);

/// Images (h x w x 1) and labels of one part. Throws io when a file cannot be read; bad_input with
/// file and offset (of the unpacked bytes) for a wrong magic number, a size that does not fit the
/// file, truncation, trailing bytes, damaged compression, numbers of images and labels that differ,
/// and a label that is not below `classes`.
[[nodiscard]] image_set read_idx_files(const std::filesystem::path& images,
                                       const std::filesystem::path& labels, std::int32_t classes);

}  // namespace lathe
