/** The style sheet of the report: light and dark, print, and narrow screens. It is constant, so that the page's policy can name its hash. */
export const STYLE_SHEET = `
:root { color-scheme: light dark; --page: #f6f7f9; --card: #ffffff; --ink: #1c2128; --muted: #626c78; --line: #dfe3e8; --accent: #2b6ca3;
  --ran: #2f8f5b; --restored: #2b6ca3; --skipped: #8b949e; --failed: #c0392b; --blocked: #c27c0e; --shade: #eef1f4; }
@media (prefers-color-scheme: dark) { :root { --page: #0f1318; --card: #181d24; --ink: #e4e8ec; --muted: #97a1ad; --line: #2b323b; --accent: #79b4e6;
  --ran: #57c285; --restored: #6cb0ea; --skipped: #7d8793; --failed: #f0796c; --blocked: #e6a63a; --shade: #212831; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--page); color: var(--ink); font: 15px/1.55 system-ui, -apple-system, "Segoe UI", Roboto, sans-serif; }
main { max-width: 1200px; margin: 0 auto; padding: 0 24px 64px; }
.banner { background: #8c1d18; color: #fff; padding: 10px 24px; text-align: center; font-weight: 600; }
header { padding: 34px 0 8px; }
h1 { font-size: 30px; line-height: 1.2; margin: 0 0 6px; letter-spacing: -0.01em; }
h2 { font-size: 20px; margin: 0 0 14px; }
h3 { font-size: 15px; margin: 22px 0 8px; }
p { margin: 0 0 10px; }
a { color: var(--accent); text-decoration: none; }
a:hover { text-decoration: underline; }
code, .mono { font-family: ui-monospace, SFMono-Regular, Menlo, Consolas, monospace; font-size: 0.9em; }
.muted { color: var(--muted); }
.lead { font-size: 16px; color: var(--muted); max-width: 80ch; }
.facts { display: flex; flex-wrap: wrap; gap: 4px 26px; margin: 12px 0 0; padding: 0; list-style: none; font-size: 13.5px; color: var(--muted); }
.facts b { color: var(--ink); font-weight: 500; overflow-wrap: anywhere; }
nav { display: flex; flex-wrap: wrap; gap: 6px 16px; margin: 18px 0 0; padding: 10px 0; border-top: 1px solid var(--line); font-size: 14px; }
section { background: var(--card); border: 1px solid var(--line); border-radius: 12px; padding: 22px 24px; margin: 18px 0; }
.scroll { overflow-x: auto; }
.tall { max-height: 460px; overflow: auto; }
.tiles { display: grid; grid-template-columns: repeat(auto-fill, minmax(148px, 1fr)); gap: 10px; margin: 6px 0 14px; }
.tile { background: var(--shade); border-radius: 8px; padding: 10px 12px; overflow-wrap: anywhere; }
.tile b { display: block; font-size: 20px; line-height: 1.25; font-weight: 600; font-variant-numeric: tabular-nums; }
.tile span { display: block; margin-top: 2px; line-height: 1.35; font-size: 12.5px; color: var(--muted); }
table { border-collapse: collapse; min-width: min(420px, 100%); font-size: 13.5px; }
th { text-align: left; font-weight: 600; color: var(--muted); font-size: 12.5px; position: sticky; top: 0; background: var(--card); }
th, td { padding: 6px 22px 6px 0; border-bottom: 1px solid var(--line); vertical-align: top; overflow-wrap: break-word; max-width: 64ch; }
td.number, th.number { text-align: right; font-variant-numeric: tabular-nums; }
td.number { white-space: nowrap; }
tr:last-child td { border-bottom: 0; }
.word { display: inline-block; padding: 0 8px; border-radius: 999px; font-size: 12px; font-weight: 600; line-height: 20px; border: 1px solid currentColor; white-space: nowrap; }
.word.ran, .word.succeeded { color: var(--ran); } .word.restored { color: var(--restored); } .word.skipped, .word.running { color: var(--skipped); }
.word.failed { color: var(--failed); } .word.blocked, .word.cancelled { color: var(--blocked); }
h2 .word { vertical-align: 3px; margin-left: 8px; }
figure { margin: 8px 0 16px; }
figcaption { font-size: 13px; color: var(--muted); margin-top: 6px; overflow-wrap: anywhere; }
.plot img { display: block; width: 100%; height: auto; background: #fff; border: 1px solid var(--line); border-radius: 8px; }
.plots { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(480px, 100%), 1fr)); gap: 8px 20px; margin: 14px 0; }
.plots.single { grid-template-columns: minmax(0, 760px); }
.plots figure { margin: 4px 0; }
figcaption b { color: var(--ink); font-weight: 600; }
.gallery { display: grid; grid-template-columns: repeat(auto-fill, minmax(170px, 1fr)); gap: 14px; }
.gallery.single { grid-template-columns: minmax(0, 720px); }
.gallery.few { grid-template-columns: repeat(auto-fill, minmax(260px, 1fr)); }
.gallery figure { margin: 0; }
.gallery img { display: block; width: 100%; height: auto; border-radius: 8px; background: var(--shade); }
.error { border-left: 4px solid var(--failed); background: var(--shade); padding: 12px 16px; border-radius: 6px; margin: 8px 0; overflow-wrap: anywhere; }
.error ul { margin: 6px 0; padding-left: 18px; }
.text { white-space: pre-wrap; overflow-wrap: anywhere; max-width: 90ch; }
details { margin: 8px 0; }
summary { cursor: pointer; color: var(--accent); font-size: 14px; }
.dag { display: block; max-width: 100%; height: auto; min-width: 620px; margin: 0 auto; }
.dag rect { fill: var(--card); stroke: var(--skipped); stroke-width: 1.4; }
.dag .name { font: 600 13px system-ui, sans-serif; fill: var(--ink); }
.dag .type { font: 11.5px system-ui, sans-serif; fill: var(--muted); }
.dag .mark { font: 700 13px system-ui, sans-serif; }
.dag .ran .mark { fill: var(--ran); } .dag .restored .mark { fill: var(--restored); } .dag .skipped .mark { fill: var(--skipped); } .dag .failed .mark { fill: var(--failed); } .dag .blocked .mark { fill: var(--blocked); }
.dag .edge { fill: none; stroke: var(--muted); stroke-opacity: 0.55; stroke-width: 1.4; }
.dag .ran rect { stroke: var(--ran); }
.dag .restored rect { stroke: var(--restored); }
.dag .skipped rect { stroke-dasharray: 4 3; }
.dag .failed rect { stroke: var(--failed); stroke-width: 2.2; }
.dag .blocked rect { stroke: var(--blocked); stroke-dasharray: 4 3; }
.key { display: flex; flex-wrap: wrap; gap: 4px 12px; margin-top: 12px; font-size: 13px; }
footer { color: var(--muted); font-size: 13px; padding: 12px 2px; }
@media (max-width: 640px) { main { padding: 0 12px 40px; } section { padding: 16px; } h1 { font-size: 24px; } }
@media print { body { background: #fff; } section { break-inside: avoid-page; border-color: #ccc; } nav { display: none; } .tall { max-height: none; } }
`;
