// SPDX-License-Identifier: Apache-2.0
#include "network/concat_slices.hpp"

#include <algorithm>

namespace lathe::detail {
namespace {

constexpr std::int64_t highest_kernel = 16;

/// Nothing, or what the kernel applies to its sums.
bool has_simple_ending(const layer_group& group) {
    if (group.post.empty()) return true;
    const auto* act = std::get_if<activation>(&group.post.front());
    return group.post.size() == 1 && act != nullptr && *act != activation::swish &&
           *act != activation::gelu;
}

bool can_leave_room(const network& net, const layer_group& group) {
    const auto* conv = std::get_if<conv2d_op>(&net.at(group.anchor()).operation);
    return conv != nullptr && conv->groups == 1 && shape_of(conv->weight)[2] <= highest_kernel &&
           has_simple_ending(group);
}

/// The only reader of a value, if it is a concat that takes it once.
const node* only_concat(const network& net, value_id value) {
    const auto users = net.users(value);
    const bool is_output = std::ranges::any_of(
        net.outputs(), [&](const network_output& o) { return o.value == value; });
    if (users.size() != 1 || is_output) return nullptr;
    const node& reader = net.at(users[0]);
    const bool is_concat = std::holds_alternative<concat_op>(reader.operation);
    return is_concat && std::ranges::count(reader.inputs, value) == 1 ? &reader : nullptr;
}

std::int64_t first_channel(const network& net, const node& concat, value_id value) {
    std::int64_t channels = 0;
    for (const auto in : concat.inputs) {
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
        if (const node* concat = only_concat(net, value)) {
            slices[value] = {net.users(value)[0], first_channel(net, *concat, value)};
        }
    }
    return slices;
}

std::int64_t bytes_written(const network& net, const concat_slices& slices, value_id value,
                           std::int64_t batch) {
    std::int64_t bytes = byte_size(net.at(value).type, batch);
    for (const auto& [part, slice] : slices) {
        if (slice.whole == value) bytes -= byte_size(net.at(part).type, batch);
    }
    return bytes;
}

}  // namespace lathe::detail
