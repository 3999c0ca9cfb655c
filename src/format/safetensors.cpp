// SPDX-License-Identifier: Apache-2.0
#include "lathe/format/safetensors.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstring>
#include <optional>

#include "lathe/core/error.hpp"
#include "lathe/format/file.hpp"
#include "lathe/format/json_reader.hpp"

namespace lathe {
namespace {

static_assert(std::endian::native == std::endian::little, "the format is little-endian");

constexpr std::uint64_t max_header = std::uint64_t{16} << 20;
constexpr std::size_t max_name = 256;
constexpr std::string_view metadata_key = "__metadata__";

/// The product of the dimensions, or nothing when one is negative or it does not fit.
std::optional<std::uint64_t> element_count(std::span<const std::int64_t> shape) {
    std::uint64_t count = 1;
    for (const auto d : shape) {
        if (d < 0 || __builtin_mul_overflow(count, static_cast<std::uint64_t>(d), &count)) {
            return std::nullopt;
        }
    }
    return count;
}

void require_finite(const std::string& file, const named_tensor& t) {
    const auto bad = std::ranges::find_if_not(t.values, [](float v) { return std::isfinite(v); });
    if (bad == t.values.end()) return;
    throw error(errc::numeric, fmt::format("{}: tensor '{}'", file, t.name),
                fmt::format("element {} is {}", bad - t.values.begin(), *bad),
                "weights must be finite");
}

void require_name(const std::string& file, std::string_view name) {
    if (!name.empty() && name.size() <= max_name && name != metadata_key) return;
    throw error(
        errc::bad_input, file, fmt::format("a tensor has a name of {} bytes", name.size()),
        fmt::format("give each a name of 1 to {} bytes other than {}", max_name, metadata_key));
}

std::string header_of(const std::string& file, std::span<const named_tensor> tensors,
                      const safetensors_metadata& metadata) {
    json_object header;
    if (!metadata.empty()) {
        json_object entries;
        for (const auto& [key, value] : metadata) entries.append(key, value);
        header.append(std::string(metadata_key), std::move(entries));
    }
    std::uint64_t offset = 0;
    for (const auto& t : tensors) {
        require_name(file, t.name);
        if (element_count(t.shape) != t.values.size()) {
            throw error(errc::bad_input, fmt::format("{}: tensor '{}'", file, t.name),
                        fmt::format("shape [{}] does not fit {} values", fmt::join(t.shape, ", "),
                                    t.values.size()));
        }
        require_finite(file, t);
        const std::uint64_t end = offset + t.values.size_bytes();
        header.append(t.name, json_object{{"dtype", "F32"},
                                          {"shape", json_array(t.shape.begin(), t.shape.end())},
                                          {"data_offsets", json_array{offset, end}}});
        offset = end;
    }
    std::string text = to_json(std::move(header));
    text.append((8 - text.size() % 8) % 8, ' ');  // so that the values are aligned in a mapped file
    return text;
}

/// One entry of a header, as claimed.
struct claim {
    std::string name;
    std::vector<std::int64_t> shape;
    std::uint64_t begin = 0;
    std::uint64_t end = 0;
};

claim read_claim(const std::string& name, json_reader entry) {
    claim c;
    c.name = name;
    require_name(entry.place(), name);
    const auto type = entry.get<std::string>("dtype");
    if (type != "F32") {
        throw error(errc::unsupported, entry.place(), fmt::format("element type '{}'", type),
                    "only F32 is read");
    }
    c.shape = entry.at("shape").as_list<std::int64_t>();
    const auto offsets = entry.at("data_offsets").as_list<std::uint64_t>();
    entry.finish();
    if (offsets.size() != 2 || offsets[1] < offsets[0]) {
        throw entry.fail("data_offsets is no range", "it must be [begin, end]");
    }
    c.begin = offsets[0];
    c.end = offsets[1];
    const auto count = element_count(c.shape);
    const std::uint64_t bytes = c.end - c.begin;
    if (!count || bytes % sizeof(float) != 0 || *count != bytes / sizeof(float)) {
        throw entry.fail(
            fmt::format("shape [{}] does not fit {} bytes", fmt::join(c.shape, ", "), bytes));
    }
    return c;
}

/// Throws unless the sorted ranges cover [0, body) without hole or overlap.
void require_contiguous(const std::string& file, std::span<const claim> claims,
                        std::uint64_t body) {
    std::uint64_t expected = 0;
    for (const auto& c : claims) {
        if (c.begin != expected) {
            throw error(
                errc::bad_input, fmt::format("{}: tensor '{}'", file, c.name),
                fmt::format("starts at byte {} of the data, {} is expected", c.begin, expected),
                "ranges may neither overlap nor leave holes");
        }
        expected = c.end;
    }
    if (expected != body) {
        throw error(errc::bad_input, file,
                    fmt::format("has {} bytes of data, its header tells of {}", body, expected),
                    "the file is truncated or has trailing bytes; get it again");
    }
}

}  // namespace

void write_safetensors(const std::filesystem::path& path, std::span<const named_tensor> tensors,
                       const safetensors_metadata& metadata) {
    std::vector<std::string_view> names;
    for (const auto& t : tensors) names.push_back(t.name);
    std::ranges::sort(names);
    if (const auto twice = std::ranges::adjacent_find(names); twice != names.end()) {
        throw error(errc::bad_input, path.string(),
                    fmt::format("tensor '{}' is given twice", *twice));
    }
    const std::string header = header_of(path.string(), tensors, metadata);
    if (header.size() > max_header) {
        throw error(errc::bad_input, path.string(), "names and metadata are too large",
                    fmt::format("at most {} bytes can be read back", max_header));
    }
    const std::array<std::uint64_t, 1> length{header.size()};
    std::vector<std::span<const std::byte>> parts{std::as_bytes(std::span(length)),
                                                  std::as_bytes(std::span(header))};
    for (const auto& t : tensors) parts.push_back(std::as_bytes(t.values));
    write_file_atomic(path, parts);
}

safetensors_file::safetensors_file(const std::filesystem::path& path, std::uint64_t max_bytes)
    : file_(path.string()) {
    input_file input(path);
    if (input.size() > max_bytes) {
        throw error(errc::bad_input, file_, fmt::format("has {} bytes", input.size()),
                    fmt::format("at most {} are accepted here", max_bytes));
    }
    std::uint64_t length = 0;
    input.read(std::as_writable_bytes(std::span(&length, 1)));
    if (length > max_header || length > input.size() - input.offset()) {
        throw error(errc::bad_input, file_,
                    fmt::format("byte 0 claims a header of {} bytes", length),
                    "this is no safetensors file, or it is truncated");
    }
    std::string header(length, '\0');
    input.read(std::as_writable_bytes(std::span(header)));
    if (!header.starts_with('{')) {
        throw error(errc::bad_input, file_, "the header does not start with '{' at byte 8",
                    "this is no safetensors file");
    }

    const json_value document = parse_json(header, file_ + ": header", max_header);
    std::vector<claim> claims;
    for (auto& [name, entry] : json_reader(document, file_ + ": header").members()) {
        if (name == metadata_key) {
            for (auto& [key, value] : entry.members())
                metadata_.emplace(key, value.as<std::string>());
        } else {
            claims.push_back(read_claim(name, entry));
        }
    }
    std::ranges::sort(claims, {}, [](const claim& c) { return std::pair(c.begin, c.end); });
    const std::uint64_t body = input.size() - input.offset();
    require_contiguous(file_, claims, body);

    values_.resize(body / sizeof(float));
    input.read(std::as_writable_bytes(std::span(values_)));
    for (auto& c : claims) {
        const auto values = std::span<const float>(values_).subspan(
            c.begin / sizeof(float), (c.end - c.begin) / sizeof(float));
        index_.emplace(c.name, tensors_.size());
        tensors_.push_back({std::move(c.name), std::move(c.shape), values});
        require_finite(file_, tensors_.back());
    }
}

const named_tensor* safetensors_file::find(std::string_view name) const noexcept {
    const auto at = index_.find(name);
    return at == index_.end() ? nullptr : &tensors_[at->second];
}

const named_tensor& safetensors_file::at(std::string_view name) const {
    if (const auto* const t = find(name)) return *t;
    throw error(errc::bad_input, file_, fmt::format("has no tensor '{}'", name));
}

}  // namespace lathe
