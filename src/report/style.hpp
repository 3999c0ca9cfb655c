// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string_view>

namespace lathe::detail {

/// Colours keep their order of lightness for colour-blind readers and in both schemes.
inline constexpr std::string_view style_sheet = R"css(
:root { color-scheme: light dark;
  --paper: #ffffff; --ink: #1c2430; --soft: #5b6675; --rule: #d9dee5; --card: #f5f7f9;
  --front: #1f5fbf; --fair: #8fb4e3;
  --bad: #b9c0c9; --warn: #c77700; --good: #1a7f4b; --stop: #b3261e;
  --ring: #d0480a; --bar: #7aa5dc; }
@media (prefers-color-scheme: dark) { :root {
  --paper: #14181d; --ink: #e4e9ef; --soft: #9aa6b4; --rule: #333c46; --card: #1c2229;
  --front: #6ea8ff; --fair: #3f6598;
  --bad: #4c5661; --warn: #f0a63c; --good: #4fc38a; --stop: #ff7b72;
  --ring: #ff8a4c; --bar: #3d6ea8; } }
* { box-sizing: border-box; }
body { margin: 0 auto; padding: 28px 20px 60px; max-width: 960px; background: var(--paper);
  color: var(--ink); font: 15px/1.5 system-ui, "Segoe UI", "DejaVu Sans", sans-serif; }
h1 { font-size: 26px; margin: 0 0 4px; } h2 { font-size: 19px; margin: 36px 0 10px; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: 2px 16px; margin: 10px 0; }
dt { color: var(--soft); } dd { margin: 0; overflow-wrap: anywhere; }
.card { background: var(--card); border: 1px solid var(--rule); border-radius: 8px;
  padding: 14px 18px; margin: 14px 0; }
.card h3 { margin: 0 0 6px; font-size: 17px; }
.badge { display: inline-block; padding: 1px 10px; border-radius: 10px; font-size: 13px;
  font-weight: 600; border: 1.5px solid; margin-left: 8px; vertical-align: 2px; }
.badge.feasible { color: var(--good); } .badge.undecided { color: var(--warn); }
.badge.infeasible { color: var(--stop); }
table { border-collapse: collapse; width: 100%; font-size: 14px; }
th { text-align: left; color: var(--soft); font-weight: 600; }
th, td { padding: 4px 10px 4px 0; border-bottom: 1px solid var(--rule); vertical-align: top; }
td.num { text-align: right; white-space: nowrap; font-variant-numeric: tabular-nums; }
th.num { text-align: right; }
td.bar { width: 34%; } td.bar div { height: 11px; margin-top: 5px; background: var(--bar);
  border-radius: 2px; }
td.bad { color: var(--stop); } td.good { color: var(--good); }
.wide { overflow-x: auto; }
figure { margin: 22px 0; } figcaption { font-weight: 600; }
.legend { color: var(--soft); font-size: 13px; }
.legend span { margin-right: 14px; white-space: nowrap; }
svg { width: 100%; height: auto; display: block; }
svg.key { display: inline; width: 13px; height: 13px;
  margin-right: 4px; vertical-align: -1px; }
svg text { fill: var(--ink); font: 12px system-ui, "DejaVu Sans", sans-serif; }
svg text.tick { fill: var(--soft); } svg text.axis { font-size: 13px; }
svg text.name { font-size: 13px; font-weight: 600; fill: var(--ring); paint-order: stroke;
  stroke: var(--paper); stroke-width: 3px; }
.grid { stroke: var(--rule); stroke-width: 1; }
.front { fill: var(--front); } .feasible { fill: var(--fair); }
.undecided { fill: var(--paper); stroke: var(--warn); stroke-width: 2; }
.infeasible { fill: none; stroke: var(--bad); stroke-width: 1.3; }
.chosen { fill: none; stroke: var(--ring); stroke-width: 2.6; }
.whisker { stroke: var(--front); stroke-width: 1.2; opacity: .55; }
.best { fill: none; stroke: var(--front); stroke-width: 2; }
.second { fill: none; stroke: var(--warn); stroke-width: 2; }
.bestkey { fill: var(--front); } .secondkey { fill: var(--warn); }
.bound { stroke: var(--stop); stroke-width: 1.5; stroke-dasharray: 6 4; }
.buffer { stroke: var(--paper); stroke-width: .7; }
.b0 { fill: #4c9f70; } .b1 { fill: #a05195; } .b2 { fill: #4a7fc1; } .b3 { fill: #d99a2b; }
.b4 { fill: #8a8f98; } .b5 { fill: #c0504d; }
details { margin: 18px 0; } summary { font-weight: 600; cursor: pointer; margin-bottom: 6px; }
@media print { body { max-width: none; } .card, figure { break-inside: avoid; } }
)css";

}  // namespace lathe::detail
