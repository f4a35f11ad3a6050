/** Tables with commas between the cells, quoted as RFC 4180 has it: what spreadsheets, pandas and R read and write. */
import { mismatch } from './errors.ts';

function quote(cell: string): string {
  return /[",\r\n]/.test(cell) ? `"${cell.replaceAll('"', '""')}"` : cell;
}

/** Rows of cells as text, lines ended by CR LF. */
export function formatCsv(rows: readonly (readonly string[])[]): string {
  return rows.map((cells) => `${cells.map(quote).join(',')}\r\n`).join('');
}

/**
 * Splits text into rows of cells. LF alone ends a line too; a byte-order mark is skipped.
 * @param where what errors call the table, e.g. its file name
 */
export function parseCsv(text: string, where: string): string[][] {
  const rows: string[][] = [];
  let cells: string[] = [];
  let at = text.charCodeAt(0) === 0xfeff ? 1 : 0;
  while (at < text.length) {
    let cell: string;
    if (text[at] === '"') {
      [cell, at] = quotedCell(at + 1);
    } else {
      const start = at;
      while (at < text.length && !',\r\n'.includes(text[at])) at++;
      cell = text.slice(start, at);
    }
    cells.push(cell);
    if (text[at] === ',') {
      at++;
      // A comma at the very end still opens one last, empty cell.
      if (at === text.length) cells.push('');
      else continue;
    } else if (text[at] === '\r' && text[at + 1] === '\n') at += 2;
    else if (at < text.length && '\r\n'.includes(text[at])) at++;
    else if (at < text.length)
      throw mismatch(`${where}, row ${rows.length + 1}`, 'a comma after a quoted cell', text[at]);
    rows.push(cells);
    cells = [];
  }
  return rows;

  function quotedCell(start: number): [string, number] {
    let cell = '';
    for (let from = start; ; ) {
      const end = text.indexOf('"', from);
      if (end < 0)
        throw mismatch(`${where}, row ${rows.length + 1}`, 'a closing quote', 'the end of the file');
      cell += text.slice(from, end);
      if (text[end + 1] !== '"') return [cell, end + 1];
      cell += '"';
      from = end + 2;
    }
  }
}
