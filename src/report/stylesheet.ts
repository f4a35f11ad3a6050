/** The style of report pages, on screen and on paper (A4 or Letter). */
import { COLOURS, FAINT_INK, FONT, GRID, INK } from './theme.ts';

export const STYLESHEET = `
:root { color-scheme: light; }
* { box-sizing: border-box; }
body { font: 15px/1.5 ${FONT}; color: ${INK}; background: #fff; margin: 0 auto; padding: 32px 24px 64px; max-width: 1000px;
  counter-reset: figure table; font-variant-numeric: tabular-nums; }
h1 { font-size: 26px; line-height: 1.2; margin: 0 0 4px; overflow-wrap: anywhere; }
h2 { font-size: 19px; margin: 40px 0 10px; padding-bottom: 4px; border-bottom: 2px solid ${COLOURS.blue}; break-after: avoid; }
h3 { font-size: 15px; margin: 24px 0 6px; break-after: avoid; }
p { margin: 8px 0; max-width: 76ch; }
.lead { color: ${FAINT_INK}; margin: 0 0 16px; max-width: none; break-after: avoid; }
code, .path { font-family: ui-monospace, "Cascadia Mono", Menlo, Consolas, monospace; font-size: 0.9em; overflow-wrap: anywhere; }
.tiles { display: grid; grid-template-columns: repeat(auto-fit, minmax(150px, 1fr)); gap: 12px; margin: 16px 0; padding: 0; }
.tiles > div { border: 1px solid ${GRID}; border-top: 3px solid ${COLOURS.blue}; padding: 8px 12px; break-inside: avoid; }
.tiles dt { font-size: 12px; color: ${FAINT_INK}; }
.tiles dd { margin: 0; font-size: 21px; font-weight: 600; line-height: 1.3; }
.tiles dd small { display: block; font-size: 12px; font-weight: 400; color: ${FAINT_INK}; }
#analysis-review .tiles { grid-template-columns: repeat(3, 1fr); }
.warnings { border-left: 4px solid ${COLOURS.orange}; background: #FFF8EA; padding: 8px 16px; margin: 16px 0; break-inside: avoid; }
.warnings ul { margin: 4px 0; padding-left: 20px; }
.table { overflow-x: auto; margin: 12px 0 20px; }
table { border-collapse: collapse; font-size: 13.5px; line-height: 1.35; border-bottom: 1.5px solid ${INK}; }
caption { text-align: left; padding: 0 0 6px; font-size: 13.5px; color: ${INK}; }
caption::before { counter-increment: table; content: "Table " counter(table) ". "; font-weight: 600; }
thead { border-top: 1.5px solid ${INK}; border-bottom: 1px solid ${INK}; }
th, td { padding: 4px 16px 4px 0; text-align: left; vertical-align: top; }
th:last-child, td:last-child { padding-right: 4px; }
th.number, td.number { text-align: right; white-space: nowrap; }
thead th { font-weight: 600; vertical-align: bottom; }
tbody th { font-weight: 400; }
th.short, td.short { white-space: nowrap; }
tbody tr + tr { border-top: 1px solid ${GRID}; }
tr { break-inside: avoid; }
tfoot { border-top: 1px solid ${INK}; }
tfoot th { font-weight: 600; }
tr.differs th, tr.differs td { font-weight: 600; }
td.value { max-width: 52ch; overflow-wrap: anywhere; }
figure { margin: 16px 0 28px; break-inside: avoid; }
figure svg, figure > img { max-width: 100%; height: auto; display: block; }
figcaption { font-size: 13.5px; margin-top: 6px; max-width: 90ch; }
figcaption.counted::before { counter-increment: figure; content: "Figure " counter(figure) ". "; font-weight: 600; }
.samples { display: grid; grid-template-columns: repeat(auto-fill, minmax(120px, 1fr)); gap: 16px 12px; margin: 12px 0; }
.samples figure { margin: 0; }
.samples img { width: 100%; max-width: 128px; height: auto; image-rendering: auto; display: block; border: 1px solid ${GRID}; }
.samples figcaption { font-size: 12px; line-height: 1.35; overflow-wrap: anywhere; }
footer { margin-top: 48px; padding-top: 8px; border-top: 1px solid ${GRID}; font-size: 12.5px; color: ${FAINT_INK}; }
@page { margin: 16mm 15mm; }
@media print {
  body { font-size: 10pt; padding: 0; max-width: none; }
  h1 { font-size: 18pt; }
  h2 { font-size: 13pt; margin-top: 20pt; }
  h3 { font-size: 10.5pt; }
  table, caption, figcaption { font-size: 8.5pt; }
  th, td { padding: 2.5pt 7pt 2.5pt 0; }
  .table { overflow: visible; }
  .table.whole { break-inside: avoid; }
  tfoot { display: table-row-group; }
  .tiles { grid-template-columns: repeat(5, 1fr); gap: 6pt; }
  .tiles dd { font-size: 12pt; }
  .tiles dd small, .tiles dt { font-size: 8pt; }
  .samples { grid-template-columns: repeat(6, 1fr); }
  figure svg { max-height: 120mm; width: auto; }
  #confusion-matrices svg, #class-f1 svg, .plates svg, figure > img { max-height: 210mm; }
  footer { margin-top: 10pt; break-before: avoid; }
  .warnings, .tiles > div { print-color-adjust: exact; -webkit-print-color-adjust: exact; }
  svg { print-color-adjust: exact; -webkit-print-color-adjust: exact; }
}
`;
