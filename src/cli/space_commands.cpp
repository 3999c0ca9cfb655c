// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <ostream>

#include <fmt/format.h>

#include "cli/commands.hpp"
#include "cli/pipeline.hpp"
#include "lathe/cli/command_line.hpp"
#include "lathe/core/error.hpp"
#include "lathe/core/text.hpp"

namespace lathe::cli {
namespace {

mobile_space space_named(const std::string& preset) {
    if (std::ranges::find(preset_names, preset) == std::end(preset_names)) {
        const std::string_view near = nearest_name(preset, preset_names);
        throw error(errc::bad_input, "PRESET", fmt::format("'{}' is no preset", preset),
                    near.empty() ? fmt::format("there are {}", fmt::join(preset_names, ", "))
                                 : fmt::format("did you mean '{}'?", near));
    }
    return mobile_space(preset_spec(preset));
}

std::string summary(const mobile_space& space, const genotype& g) {
    const network net = space.lower(g);
    return fmt::format("{:>9} MACs  {:>9} parameters  {}",
                       format_count(static_cast<double>(total_macs(net).value)),
                       format_count(static_cast<double>(total_parameters(net).value)),
                       space.describe(g));
}

void show_member(const mobile_space& space, const genotype& g, std::ostream& out) {
    const network net = space.lower(g);
    out << fmt::format("genotype  {}\n{}\n\n", to_string(g), summary(space, g));
    out << fmt::format("{:<28} {:<16} {:<26} {:>9}\n", "layer", "type", "result", "MACs");
    for (const node& n : net.nodes()) {
        const auto macs = static_cast<double>(node_macs(net, n).value);
        out << fmt::format("{:<28} {:<16} {:<26} {:>9}\n", n.name, name_of(n.operation),
                           to_string(n.type), macs > 0 ? format_count(macs) : "");
    }
}

}  // namespace

int count_space_command(const std::string& preset, std::ostream& out) {
    out << to_string(space_named(preset).count()) << '\n';
    return exit_code::ok;
}

int sample_space_command(const std::string& preset, std::int64_t members, std::uint64_t seed,
                         std::ostream& out) {
    const mobile_space space = space_named(preset);
    rng random(seed);
    for (std::int64_t i = 0; i < members; ++i) {
        const genotype g = space.sample(random);
        out << fmt::format("{}  {}\n", to_string(g), summary(space, g));
    }
    return exit_code::ok;
}

int show_space_command(const std::string& preset, const std::string& member, std::ostream& out) {
    const mobile_space space = space_named(preset);
    if (!member.empty()) {
        show_member(space, space.canonical(parse_genotype(member, space.axes())), out);
        return exit_code::ok;
    }
    out << fmt::format("{}: {} members\nlargest   {}\nsmallest  {}\n\naxes\n", preset,
                       to_string(space.count()), summary(space, space.largest()),
                       summary(space, space.smallest()));
    for (const axis& a : space.axes()) {
        out << fmt::format("  {:<20} {}\n", a.name, fmt::join(a.options, " "));
    }
    return exit_code::ok;
}

}  // namespace lathe::cli
