// SPDX-License-Identifier: Apache-2.0
#include "network/concat_slices.hpp"

#include <algorithm>
#include <optional>

#include "network/readers.hpp"

namespace lathe::detail {
namespace {

/// Nothing, or what the kernel applies to its sums.
bool has_simple_ending(const layer_group& group) {
    if (group.post.empty()) return true;
    const auto* act = std::get_if<activation>(&group.post.front());
    return group.post.size() == 1 && act != nullptr && *act != activation::swish &&
           *act != activation::gelu;
}

bool can_leave_room(const network& net, const layer_group& group) {
    const auto* conv = std::get_if<conv2d_op>(&net.at(group.anchor()).operation);
    return conv != nullptr && conv->groups == 1 &&
           shape_of(conv->weight)[2] <= highest_sliced_kernel && has_simple_ending(group);
}

/// The only reader of a value, if it is a concat that takes it once.
std::optional<value_id> only_concat(const network& net, value_id value) {
    const auto reader = only_reader(net, value);
    if (!reader || !std::holds_alternative<concat_op>(net.at(*reader).operation)) return {};
    return std::ranges::count(net.at(*reader).inputs, value) == 1 ? reader : std::nullopt;
}

std::int64_t first_channel(const network& net, value_id concat, value_id value) {
    std::int64_t channels = 0;
    for (const auto in : net.at(concat).inputs) {
        if (in == value) break;
        channels += net.at(in).type.dims[1].size();
    }
    return channels;
}

}  // namespace

concat_slices find_concat_slices(const network& net, std::span<const layer_group> groups) {
    concat_slices slices;
    for (const auto& group : groups) {
        const value_id value = group.result();
        if (!can_leave_room(net, group)) continue;
        if (const auto concat = only_concat(net, value)) {
            slices[value] = {*concat, first_channel(net, *concat, value)};
        }
    }
    return slices;
}

concat_slice place_of(const concat_slices& slices, value_id value) {
    const auto slice = slices.find(value);
    return slice == slices.end() ? concat_slice{value, 0} : slice->second;
}

std::int64_t bytes_written(const network& net, const concat_slices& slices, value_id value,
                           std::int64_t batch) {
    std::int64_t bytes = byte_size(net.at(value).type, batch);
    for (const auto in : net.at(value).inputs) {
        if (slices.contains(in)) bytes -= byte_size(net.at(in).type, batch);
    }
    return bytes;
}

}  // namespace lathe::detail
