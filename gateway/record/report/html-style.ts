/** The page's style: system fonts, both colour schemes, narrow screens and paper. */
export const style = `
:root { --ink: #1b2430; --soft: #5b6878; --line: #d9e0e8; --page: #f6f8fa; --card: #fff;
  --good: #16794a; --warn: #96600b; --bad: #b42318; }
@media (prefers-color-scheme: dark) { :root { --ink: #e6ebf1; --soft: #98a5b5; --line: #2c3642; --page: #10151b;
  --card: #171e26; --good: #4ac28a; --warn: #e0a94a; --bad: #ff7b6e; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--page); color: var(--ink); font: 15px/1.5 system-ui, sans-serif; }
main { max-width: 72rem; margin: 0 auto; padding: 2rem 1.25rem; }
.brand { margin: 0; color: var(--soft); font-weight: 600; letter-spacing: .06em; }
h1 { margin: .1rem 0 .3rem; font-size: 1.7rem; line-height: 1.25; text-wrap: balance; }
h2 { margin: 0 0 .6rem; font-size: 1.05rem; }
.about { margin: 0 0 1.2rem; color: var(--soft); }
.tiles { display: grid; grid-template-columns: repeat(auto-fit, minmax(8rem, 1fr)); gap: .75rem; margin: 0; }
.tiles div, section, footer { background: var(--card); border: 1px solid var(--line); border-radius: 10px; }
.tiles div { padding: .7rem .9rem; }
.tiles dd { margin: 0; font-size: 1.45rem; font-weight: 600; font-variant-numeric: tabular-nums; }
.tiles dt { color: var(--soft); }
.tiles .good dd, footer.good { color: var(--good); } .tiles .warn dd, footer.warn { color: var(--warn); }
.tiles .bad dd, footer.bad { color: var(--bad); }
section, footer { margin-top: 1rem; padding: 1rem 1.1rem; }
footer p { margin: 0; } footer code { color: var(--soft); }
.alarm { border-color: var(--bad); color: var(--bad); }
.alarm ul { margin: 0; padding-left: 1.2rem; }
.scroll { overflow-x: auto; }
table { width: 100%; min-width: 46rem; border-collapse: collapse; }
td:first-child { min-width: 15rem; } td:last-child { min-width: 8rem; }
th { text-align: left; color: var(--soft); font-weight: 500; }
th, td { padding: .4rem .9rem .4rem 0; border-top: 1px solid var(--line); vertical-align: top; }
thead th { border-top: 0; padding-top: 0; }
code, pre { font: .87em/1.5 ui-monospace, monospace; overflow-wrap: anywhere; }
pre { margin: 0; padding: .8rem 1rem; background: var(--page); border-radius: 8px; overflow-x: auto; }
.block { display: block; } .amount { font-variant-numeric: tabular-nums; white-space: nowrap; }
.tag { padding: .05rem .45rem; border: 1px solid; border-radius: 999px; font-size: .78rem; white-space: nowrap; }
.tag.bad { color: var(--bad); } .tag.warn { color: var(--warn); }
.label { display: none; }
@media (max-width: 44rem) { main { padding: 1.2rem .8rem; } table { min-width: 0; } thead { display: none; }
  tr { display: block; padding: .5rem 0; border-top: 1px solid var(--line); } tr:first-child { border-top: 0; }
  td { display: block; position: relative; padding: .1rem 0 .1rem 5.8rem; border: 0; } td:empty { display: none; }
  .label { display: inline; position: absolute; left: 0; color: var(--soft); } }
@media print { body { background: #fff; } main { padding: 0; max-width: none; }
  section, .tiles div, footer { break-inside: avoid-page; border-radius: 0; } .scroll { overflow: visible; }
  table { min-width: 0; } }
`
