// SPDX-License-Identifier: Apache-2.0
// Named float tensors in one file: the safetensors format, element type F32.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace lathe {

using safetensors_metadata = std::map<std::string, std::string, std::less<>>;

/// A tensor to be written. values.size() is the product of the shape.
struct named_tensor {
    std::string name;
    std::vector<std::int64_t> shape;
    std::span<const float> values;
};

/// Writes the file whole or not at all, straight from the spans. Throws bad_input for a duplicate,
/// empty or too long name and for a shape that does not fit its values; numeric, naming tensor and
/// element, for NaN and infinity; io as write_file_atomic.
void write_safetensors(const std::filesystem::path& path, std::span<const named_tensor> tensors,
                       const safetensors_metadata& metadata = {});

/// The content of a file. Tensors are in the order of their data.
class safetensors_file {
public:
    /// Throws io when the file cannot be read; unsupported, naming the tensor, for an element type
    /// that is not F32; numeric for a value that is not finite; and bad_input when: header or file
    /// are larger than allowed or truncated; the header is no strict JSON object; a shape does not
    /// fit its range; ranges overlap, leave holes or do not end with the file. Nothing is allocated
    /// on the word of the file beyond its size.
    explicit safetensors_file(const std::filesystem::path& path,
                              std::uint64_t max_bytes = std::uint64_t{4} << 30);

    safetensors_file(safetensors_file&&) = default;
    safetensors_file& operator=(safetensors_file&&) = default;

    [[nodiscard]] const safetensors_metadata& metadata() const noexcept { return metadata_; }
    /// The spans live as long as this object.
    [[nodiscard]] std::span<const named_tensor> tensors() const noexcept { return tensors_; }
    /// Throws bad_input when there is no tensor of that name. O(log n).
    [[nodiscard]] const named_tensor& at(std::string_view name) const;
    /// nullptr when there is none.
    [[nodiscard]] const named_tensor* find(std::string_view name) const noexcept;

private:
    std::string file_;
    std::vector<float> values_;
    std::vector<named_tensor> tensors_;
    std::map<std::string, std::size_t, std::less<>> index_;
    safetensors_metadata metadata_;
};

}  // namespace lathe
