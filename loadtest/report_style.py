"""The style sheet of a run's page: one type scale (12, 14, 16, 20, 28 px), light and dark."""

STYLE = """
:root { color-scheme: light dark;
  --ground: #f6f7f9; --surface: #ffffff; --line: #e2e5ea; --text: #16191f; --quiet: #5b6472;
  --good: #067647; --good-soft: #e3f5ec; --bad: #b42318; --bad-soft: #fde8e6; --warn: #8a5a00;
  --warn-soft: #fdf1d8;
  --c1: #2563eb; --c2: #c2620a; --c3: #0b8a6a; --c4: #a21caf; --c5: #5b6b82; --c6: #0e7c9b; }
@media (prefers-color-scheme: dark) { :root {
  --ground: #0f1217; --surface: #171b22; --line: #2a303a; --text: #eceff4; --quiet: #9aa5b5;
  --good: #5fd6a0; --good-soft: #12301f; --bad: #ff8f84; --bad-soft: #3a1715; --warn: #f2c25b;
  --warn-soft: #33270c;
  --c1: #6ea8ff; --c2: #f5a742; --c3: #45d0a4; --c4: #e58bf0; --c5: #a5b3c7; --c6: #5cc7e6; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--ground); color: var(--text);
  font: 14px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", sans-serif; }
main { max-width: 1160px; margin: 0 auto; padding: 32px 20px 48px; display: grid; gap: 16px;
  grid-template-columns: minmax(0, 1fr); }
h1, h2, p, dl, dd, figure { margin: 0; }
h1 { font-size: 28px; line-height: 1.2; letter-spacing: -0.01em; }
h2 { font-size: 16px; line-height: 1.4; }
.quiet, th, dt { color: var(--quiet); }
header { display: flex; flex-wrap: wrap; gap: 12px 20px; align-items: center;
  justify-content: space-between; margin-bottom: 4px; }
.verdict { padding: 6px 14px; border-radius: 999px; font-weight: 600; }
.good { background: var(--good-soft); color: var(--good); }
.bad { background: var(--bad-soft); color: var(--bad); }
.warn { background: var(--warn-soft); color: var(--warn); padding: 10px 14px; border-radius: 10px; }
.tiles { display: grid; gap: 12px; grid-template-columns: repeat(4, minmax(0, 1fr)); }
.tile, .card { background: var(--surface); border: 1px solid var(--line); border-radius: 12px; }
.tile { padding: 14px 16px; }
.tile b { display: block; font-size: 20px; line-height: 1.3; font-variant-numeric: tabular-nums; }
.tile span, .tile small { font-size: 12px; color: var(--quiet); display: block; }
.card { padding: 16px 18px; min-width: 0; }
.pair { display: grid; gap: 16px; align-items: start;
  grid-template-columns: repeat(auto-fit, minmax(min(100%, 460px), 1fr)); }
.pair.even { align-items: stretch; }
.stack { display: grid; gap: 16px; min-width: 0; }
.wide { overflow-x: auto; }
table { width: 100%; border-collapse: collapse; margin-top: 8px;
  font-variant-numeric: tabular-nums; }
th, td { padding: 7px 10px; border-bottom: 1px solid var(--line); text-align: right;
  vertical-align: top; }
th { font-weight: 500; font-size: 12px; white-space: nowrap; }
td:first-child, th:first-child { text-align: left; padding-left: 0; }
.words td, .words th { text-align: left; }
tr:last-child td { border-bottom: 0; }
.chip { display: inline-block; padding: 1px 10px; border-radius: 999px; font-size: 12px;
  font-weight: 600; white-space: nowrap; }
.chip.none { color: var(--quiet); padding-left: 0; font-weight: 400; }
figure { margin-top: 8px; overflow-x: auto; }
svg { display: block; width: 100%; min-width: 420px; height: auto; }
svg text { font-size: 12px; fill: var(--quiet); }
svg .end { text-anchor: end; } svg .middle { text-anchor: middle; }
svg .grid { stroke: var(--line); stroke-width: 1; }
svg polyline { fill: none; stroke-width: 2; stroke-linejoin: round; }
.c1 { stroke: var(--c1); --of: var(--c1); } .c2 { stroke: var(--c2); --of: var(--c2); }
.c3 { stroke: var(--c3); --of: var(--c3); } .c4 { stroke: var(--c4); --of: var(--c4); }
.c5 { stroke: var(--c5); --of: var(--c5); } .c6 { stroke: var(--c6); --of: var(--c6); }
svg .dot { fill: var(--of); }
.hit rect { fill: transparent; } .hit line { stroke: var(--quiet); opacity: 0; }
.hit:hover line { opacity: 0.7; }
.legend { display: flex; flex-wrap: wrap; gap: 4px 16px; font-size: 12px; color: var(--quiet); }
.legend i { display: inline-block; width: 12px; height: 3px; border-radius: 2px;
  margin-right: 6px; vertical-align: middle; background: var(--of); }
dl { display: grid; grid-template-columns: max-content minmax(0, 1fr); gap: 6px 20px;
  margin-top: 8px; }
dd { overflow-wrap: anywhere; font-variant-numeric: tabular-nums; }
code { font: 12px/1.5 ui-monospace, "SF Mono", Menlo, Consolas, monospace; }
@media (max-width: 640px) { main { padding: 20px 12px 32px; } h1 { font-size: 20px; }
  .tiles { grid-template-columns: repeat(2, minmax(0, 1fr)); } }
@media print { body { background: #fff; } .card, .tile { break-inside: avoid; } }
"""
