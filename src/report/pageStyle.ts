/** The style sheet of every page: light and dark by what the reader's system prefers, light on paper. */
export const PAGE_STYLE = `
:root {
  color-scheme: light dark;
  --page: #f7f7f5; --card: #ffffff; --ink: #1c2129; --muted: #5f6773; --line: #e3e4e6; --soft: #eef0f3;
  --accent: #3451c6; --fixes: #b3245a; --extends: #3451c6; --sibling: #0b7169; --mentions: #68707c; --against: #9a5800;
  --added: #1b7f37; --deleted: #b42318;
}
@media (prefers-color-scheme: dark) {
  :root {
    --page: #101317; --card: #171b21; --ink: #e4e7eb; --muted: #98a1ad; --line: #2a3038; --soft: #20262e;
    --accent: #93a7ff; --fixes: #ff8bb0; --extends: #93a7ff; --sibling: #5fd3c4; --mentions: #a3acb8; --against: #f2b36b;
    --added: #62c67a; --deleted: #ff8a80;
  }
}
* { box-sizing: border-box; }
html { -webkit-text-size-adjust: 100%; }
body {
  margin: 0; background: var(--page); color: var(--ink);
  font: 15px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif;
  font-variant-numeric: tabular-nums; overflow-wrap: break-word;
}
main { max-width: 1120px; margin: 0 auto; padding: 40px 24px 96px; }
h1, h2, h3, h4, p, dl, dd, ul, ol, figure, blockquote { margin: 0; padding: 0; }
ul, ol { list-style: none; }
h1 { font-size: clamp(26px, 4vw, 36px); line-height: 1.15; letter-spacing: -0.02em; font-weight: 650; }
h2 { font-size: 21px; letter-spacing: -0.01em; font-weight: 650; margin: 0 0 4px; }
h3 { font-size: 14px; font-weight: 600; margin: 0 0 14px; }
h4 { font-size: 15px; font-weight: 600; }
a { color: var(--accent); text-decoration: none; }
a:hover { text-decoration: underline; }
code { font: 0.87em ui-monospace, SFMono-Regular, Menlo, Consolas, monospace; overflow-wrap: anywhere; }
small, .muted { color: var(--muted); font-size: 13px; }
.kind { color: var(--muted); font-size: 13px; margin-bottom: 6px; }
section { margin-top: 56px; }
.scroll { overflow-x: auto; }

.key { display: grid; grid-template-columns: repeat(auto-fit, minmax(140px, 1fr)); gap: 24px; margin-top: 32px; }
.key div { border-top: 2px solid var(--ink); padding-top: 10px; }
.key dt { color: var(--muted); font-size: 13px; }
.key dd { font-size: 28px; font-weight: 650; letter-spacing: -0.02em; line-height: 1.2; }
.key small { display: block; font-weight: 400; letter-spacing: 0; line-height: 1.4; }

table { border-collapse: collapse; width: 100%; font-size: 14px; }
th { font-weight: 500; text-align: right; }
th[scope=row], thead tr:last-child th:first-child { text-align: left; }
th, td { padding: 8px 10px; white-space: nowrap; }
td { text-align: right; }
td.none { color: var(--muted); }
thead th { color: var(--muted); font-size: 13px; border-bottom: 1px solid var(--line); }
th[scope=colgroup] { text-align: center; border: 0; padding-bottom: 0; }
.figures { margin-top: 12px; min-width: 860px; }
.figures tbody tr + tr > * { border-top: 1px solid var(--line); }
.figures tfoot tr > * { border-top: 1px solid var(--line); }
.figures .paper { border-left: 1px solid var(--line); }
.figures th:first-child, .figures td:first-child { padding-left: 0; }
.figures + p, .scroll + .muted { margin-top: 12px; max-width: 76ch; }

.languages { display: flex; flex-wrap: wrap; gap: 4px 18px; font-size: 13px; color: var(--muted); margin-top: 6px; }
.languages b { color: var(--ink); font-weight: 500; }
.cards { display: grid; grid-template-columns: 1fr 1fr; gap: 16px; margin-top: 20px; }
.card { background: var(--card); border: 1px solid var(--line); border-radius: 10px; padding: 20px 22px; min-width: 0; }
.card.wide { grid-column: 1 / -1; }
.funnel li { display: grid; grid-template-columns: 250px 1fr 64px 44px; gap: 14px; align-items: center; padding: 5px 0; }
.funnel .name { line-height: 1.3; }
.funnel small { display: block; font-size: 12px; }
.bars li { display: grid; grid-template-columns: 128px 1fr 52px; gap: 12px; align-items: center; padding: 4px 0; font-size: 14px; }
.bar { height: 10px; background: var(--soft); border-radius: 3px; overflow: hidden; }
.bar i { display: block; height: 100%; min-width: 1px; background: var(--accent); }
.n { text-align: right; font-weight: 550; }
.of { text-align: right; color: var(--muted); font-size: 13px; }
.matrix { width: auto; min-width: 0; }
.matrix td { min-width: 84px; background: color-mix(in srgb, var(--accent) var(--heat, 0%), transparent); border: 2px solid var(--card); border-radius: 6px; }
.matrix td.sum { font-weight: 600; background: none; }
.matrix thead th { border: 0; }
.matrix th:first-child { padding-left: 0; }
.lacks { margin-top: 10px; font-size: 14px; }
.lacks li { padding: 3px 0; }
.lacks b { font-weight: 550; }
.unresolved { margin-top: 12px; font-size: 14px; }
.unresolved ul { margin-top: 8px; max-height: 320px; overflow: auto; }
.unresolved li { padding: 3px 0; }

.chip { display: inline-block; font-size: 12px; line-height: 18px; padding: 0 7px; border-radius: 9px; white-space: nowrap;
  color: var(--hue, var(--muted)); background: color-mix(in srgb, var(--hue, var(--muted)) 12%, transparent); }
.cue-fixes { --hue: var(--fixes); } .cue-extends { --hue: var(--extends); } .cue-sibling { --hue: var(--sibling); }
.cue-mentions, .cue-distant { --hue: var(--mentions); }
.cue-contrasts, .cue-reverts, .cue-backports, .cue-releases, .flagged { --hue: var(--against); }
.chip.plain { --hue: var(--muted); }

.tools { display: flex; flex-wrap: wrap; gap: 8px; align-items: center; margin: 16px 0 12px; }
.tools input, .tools select { font: inherit; font-size: 14px; color: inherit; background: var(--card); border: 1px solid var(--line); border-radius: 7px; padding: 6px 10px; min-width: 0; max-width: 100%; }
.tools input { flex: 1 1 260px; }
.tools output { color: var(--muted); font-size: 13px; margin-left: auto; }
:focus-visible { outline: 2px solid var(--accent); outline-offset: 1px; }
.legend { display: flex; flex-wrap: wrap; gap: 6px 16px; align-items: center; color: var(--muted); font-size: 12.5px; margin-bottom: 14px; }
.legend > span { white-space: nowrap; }
.dot { display: inline-block; width: 11px; height: 11px; border-radius: 50%; border: 2px solid var(--ink); vertical-align: -1px; margin-right: 4px; }
.dot.tested { background: var(--ink); }
.stroke { display: inline-block; width: 24px; border-top: 3px solid var(--extends); vertical-align: 4px; margin-right: 4px; }
.stroke.distant { border-top-style: dashed; }

.chain { background: var(--card); border: 1px solid var(--line); border-radius: 10px; margin-top: 8px; content-visibility: auto; contain-intrinsic-size: auto 48px; scroll-margin-top: 16px; }
.chain > summary { display: grid; grid-template-columns: minmax(170px, max-content) 1fr auto; gap: 4px 18px; align-items: baseline; padding: 11px 18px; cursor: pointer; list-style: none; }
.chain > summary::-webkit-details-marker { display: none; }
.chain > summary:hover { background: color-mix(in srgb, var(--soft) 60%, transparent); border-radius: 10px; }
.path { font-weight: 600; }
.path i { font-style: normal; font-weight: 400; color: var(--muted); }
.chain .title { color: var(--muted); white-space: nowrap; overflow: hidden; text-overflow: ellipsis; min-width: 0; }
.chips { display: flex; flex-wrap: wrap; gap: 4px 6px; align-items: baseline; justify-content: flex-end; }
span.score { font-weight: 600; font-size: 13px; min-width: 34px; text-align: right; }
.chain-body { border-top: 1px solid var(--line); padding: 16px 18px 22px; }
.chain-facts { color: var(--muted); font-size: 13px; }
.stages { margin-top: 8px; }
.stages > li { padding: 14px 0 0; }
.stages > li + li { border-top: 1px solid var(--line); margin-top: 14px; }
.stage-facts { color: var(--muted); font-size: 13px; }
.added { color: var(--added); } .deleted { color: var(--deleted); }
.flags { margin-top: 6px; font-size: 13px; color: var(--against); }
.evidence { border-left: 3px solid var(--hue); padding-left: 14px; margin-top: 12px; max-width: 86ch; }
.link-head span.score { margin: 0 6px; }
figure { margin-top: 6px; }
blockquote { white-space: pre-line; max-height: 14em; overflow: auto; }
blockquote::before { content: "“"; } blockquote::after { content: "”"; }
figcaption, .overlap, .judgement { color: var(--muted); font-size: 13px; margin-top: 2px; }
.overlap, .judgement { margin-top: 8px; }

.graph { display: block; margin: 8px 0 0 -18px; max-width: none; }
.graph .node { fill: var(--card); stroke: var(--ink); stroke-width: 2; }
.graph .node.tested { fill: var(--ink); }
.graph text { text-anchor: middle; font-size: 13px; fill: var(--ink); }
.graph .number { font-weight: 600; }
.graph .date { font-size: 11px; fill: var(--muted); }
.graph .link path { fill: none; stroke: var(--hue); stroke-linecap: round; }
.graph .link path.tip { fill: var(--hue); stroke: none; }
.graph .distant path:not(.tip) { stroke-dasharray: 5 6; }
.graph .weak { opacity: 0.45; }
.graph .score { font-size: 11px; font-weight: 600; fill: var(--hue); paint-order: stroke; stroke: var(--card); stroke-width: 5px; }

@media (max-width: 760px) {
  main { padding: 24px 16px 64px; }
  section { margin-top: 44px; }
  .cards { grid-template-columns: minmax(0, 1fr); }
  .card { padding: 16px; }
  .key { grid-template-columns: 1fr 1fr; gap: 18px; margin-top: 24px; }
  .key dd { font-size: 23px; }
  .funnel li { grid-template-columns: 1fr auto 44px; gap: 2px 10px; padding: 7px 0; }
  .funnel .bar { grid-column: 1 / -1; grid-row: 2; }
  .bars li { grid-template-columns: 112px 1fr 44px; }
  .chain > summary { grid-template-columns: minmax(0, 1fr); padding: 11px 14px; }
  .chain .title { white-space: normal; }
  .chips { justify-content: flex-start; }
  .chain-body { padding: 14px; }
  .tools input, .tools select { flex: 1 1 100%; }
  .matrix td { min-width: 64px; }
}
@media print {
  :root { --page: #fff; --card: #fff; --ink: #000; --muted: #555; --line: #ccc; --soft: #eee; --accent: #3451c6;
    --fixes: #b3245a; --extends: #3451c6; --sibling: #0b7169; --mentions: #68707c; --against: #9a5800; --added: #1b7f37; --deleted: #b42318; color-scheme: light; }
  body { font-size: 12px; }
  main { max-width: none; padding: 0; }
  .tools { display: none; }
  .key { grid-template-columns: repeat(6, 1fr); gap: 14px; }
  .key dd { font-size: 20px; }
  .figures { min-width: 0; font-size: 11px; }
  .figures thead th { font-size: 11px; }
  .figures th, .figures td { padding: 5px 6px; }
  .card, .chain, .evidence { break-inside: avoid; }
  .chain { content-visibility: visible; }
  .chain[open] { break-inside: auto; }
  .bar i, .matrix td, .chip { print-color-adjust: exact; }
  blockquote { max-height: none; }
}
`
