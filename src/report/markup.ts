/**
 * Markup that cannot be injected into. The `markup` tag escapes every interpolated value unless it is `Markup` already, so a stage name, a
 * parameter or a log line is always text, in HTML and in SVG alike. Interpolate only into text and into quoted attribute values, never
 * into tag or attribute names, style sheets or scripts.
 *
 * Characters that XML 1.0 does not allow (control characters, lone surrogates, U+FFFE, U+FFFF) become U+FFFD: one of them would make a
 * browser refuse a whole SVG figure.
 */
export class Markup {
  constructor(readonly text: string) {}
  toString(): string {
    return this.text;
  }
}

export type MarkupValue = Markup | string | number | undefined | null | false | readonly MarkupValue[];

// eslint-disable-next-line no-control-regex -- these are exactly the characters to remove
const NOT_XML = /[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f-\u009f\ufffe\uffff]|[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/g;
const ENTITIES: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;' };

export function escapeMarkup(text: string): string {
  return text.replace(NOT_XML, '\ufffd').replace(/[&<>"']/g, (character) => ENTITIES[character] as string);
}

function render(value: MarkupValue): string {
  if (value === undefined || value === null || value === false) return '';
  if (value instanceof Markup) return value.text;
  if (Array.isArray(value)) return (value as readonly MarkupValue[]).map(render).join('');
  return escapeMarkup(String(value as string | number));
}

export function markup(strings: TemplateStringsArray, ...values: readonly MarkupValue[]): Markup {
  let text = strings[0] as string;
  values.forEach((value, i) => {
    text += render(value) + (strings[i + 1] as string);
  });
  return new Markup(text);
}

export const NOTHING = new Markup('');

/** JSON for a `<script type="application/json">` block: no `<`, so that nothing in it can end the block. */
export function embeddedJson(value: unknown): Markup {
  const json = JSON.stringify(value, null, 1).replace(/[<>&\u2028\u2029]/g, (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`);
  return new Markup(json);
}
