// SPDX-License-Identifier: Apache-2.0
#include "supernet/image_input.hpp"

#include <fmt/format.h>

#include "lathe/core/error.hpp"

namespace lathe {

image_shape image_input(const network& net, std::int32_t channels) {
    const auto type = net.inputs().empty() ? tensor_type{} : net.at(net.inputs().front()).type;
    if (net.inputs().size() != 1 || type.dims.size() != 4 || type.dims[1].size() != channels) {
        throw error(errc::shape, "input of the network",
                    fmt::format("{} inputs, the first of type {}, for images with {} channels",
                                net.inputs().size(), to_string(type), channels),
                    "use networks with one input on images of its channels");
    }
    return {static_cast<std::int32_t>(type.dims[2].size()),
            static_cast<std::int32_t>(type.dims[3].size()), channels};
}

}  // namespace lathe
