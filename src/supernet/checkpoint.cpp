// SPDX-License-Identifier: Apache-2.0
#include "lathe/supernet/checkpoint.hpp"

#include <fmt/format.h>

#include <charconv>

#include "lathe/core/error.hpp"
#include "lathe/format/safetensors.hpp"

namespace lathe {
namespace {

const std::string velocity_prefix = "velocity/";
const std::string role_prefix = "role/";

const std::string& text(const safetensors_file& file, const std::string& key,
                        const std::string& place) {
    const auto it = file.metadata().find(key);
    if (it == file.metadata().end()) {
        throw error(errc::bad_input, place, fmt::format("metadata '{}' is missing", key),
                    "this is no checkpoint of a training run");
    }
    return it->second;
}

template <class Number>
Number number(const safetensors_file& file, const std::string& key, const std::string& place) {
    const auto& digits = text(file, key, place);
    Number value{};
    const auto [end, status] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
    if (status != std::errc{} || end != digits.data() + digits.size()) {
        throw error(errc::bad_input, place, fmt::format("metadata '{}' is '{}'", key, digits),
                    "this is no checkpoint of a training run");
    }
    return value;
}

weight_tensor read_tensor(const safetensors_file& file, const named_tensor& stored,
                          const std::string& place) {
    const named_tensor& velocity = file.at(velocity_prefix + stored.name);
    const int role = number<int>(file, role_prefix + stored.name, place);
    if (velocity.shape != stored.shape || role < 0 ||
        role > static_cast<int>(param_role::norm_shift)) {
        throw error(errc::bad_input, place,
                    fmt::format("tensor '{}' has role {} and momentum of {} values for {}",
                                stored.name, role, velocity.values.size(), stored.values.size()),
                    "the file is damaged");
    }
    weight_tensor t;
    t.shape = stored.shape;
    t.role = static_cast<param_role>(role);
    t.value.assign(stored.values.begin(), stored.values.end());
    t.velocity.assign(velocity.values.begin(), velocity.values.end());
    t.gradient.assign(t.value.size(), 0.0F);
    return t;
}

}  // namespace

void save_checkpoint(const std::filesystem::path& path, const weight_store& weights,
                     const training_state& state) {
    std::vector<named_tensor> tensors;
    safetensors_metadata metadata = {{"step", std::to_string(state.step)},
                                     {"seconds", fmt::format("{}", state.seconds)},
                                     {"epoch", std::to_string(state.position.epoch)},
                                     {"epoch_step", std::to_string(state.position.step)},
                                     {"roll_backs", std::to_string(state.roll_backs)},
                                     {"settings", state.settings}};
    for (const auto& [name, t] : weights.tensors()) {
        if (name.starts_with(velocity_prefix)) {
            throw error(errc::bad_input, path.string(),
                        fmt::format("tensor '{}' has the name of a momentum", name),
                        fmt::format("use names that do not begin with {}", velocity_prefix));
        }
        tensors.push_back({name, t.shape, t.value});
        tensors.push_back({velocity_prefix + name, t.shape, t.velocity});
        metadata[role_prefix + name] = std::to_string(static_cast<int>(t.role));
    }
    write_safetensors(path, tensors, metadata);
}

checkpoint load_checkpoint(const std::filesystem::path& path) {
    const std::string place = path.string();
    const safetensors_file file(path);
    checkpoint c;
    c.state.step = number<std::int64_t>(file, "step", place);
    c.state.seconds = number<double>(file, "seconds", place);
    c.state.position.epoch = number<std::uint64_t>(file, "epoch", place);
    c.state.position.step = number<std::uint64_t>(file, "epoch_step", place);
    c.state.roll_backs = number<int>(file, "roll_backs", place);
    c.state.settings = text(file, "settings", place);
    for (const auto& stored : file.tensors()) {
        if (stored.name.starts_with(velocity_prefix)) continue;
        c.tensors.emplace(stored.name, read_tensor(file, stored, place));
    }
    return c;
}

}  // namespace lathe
