/**
 * HTML by tagged template: what is written in the template stands as it is, every value put into it is
 * escaped, unless it is itself `html`. So a class called `<b>` or a file called `"x".png` cannot break a page.
 */

/** A piece of finished HTML. Only `html` and `trusted` make one. */
export class Html {
  readonly #markup: string;

  constructor(markup: string) {
    this.#markup = markup;
  }

  toString(): string {
    return this.#markup;
  }
}

export type HtmlValue = string | number | Html | readonly HtmlValue[] | null | undefined | false;

/** Joins template and values; lists are joined without a separator, null, undefined and false vanish. */
export function html(parts: TemplateStringsArray, ...values: HtmlValue[]): Html {
  let markup = parts[0];
  values.forEach((value, i) => {
    markup += render(value) + parts[i + 1];
  });
  return new Html(markup);
}

/** Markup that Soma made itself and that is escaped already, such as a drawn figure. */
export function trusted(markup: string): Html {
  return new Html(markup);
}

function render(value: HtmlValue): string {
  if (value === null || value === undefined || value === false) return '';
  if (value instanceof Html) return value.toString();
  if (typeof value === 'object') return value.map(render).join('');
  return escapeHtml(String(value));
}

const ENTITIES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

/** Text made safe for element content and quoted attributes, of HTML and of XML. */
export function escapeHtml(text: string): string {
  return text.replaceAll(/[&<>"']/g, (character) => ENTITIES[character]);
}
