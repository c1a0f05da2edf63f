/** Completion of the filter term at the caret; fields and values come from the engine. Pure. */
export interface Field {
  name: string;
  kind: string;
  words: readonly string[];
}

export interface Suggestion {
  /** The completed term. */
  word: string;
  /** The term still needs a value. */
  open: boolean;
}

/** Maximum number of suggestions. */
const MOST = 8;

/** Start and end of the term at the caret. */
export function wordAt(text: string, caret: number): { from: number; to: number } {
  let from = caret;
  while (from > 0 && !/\s/.test(text[from - 1] ?? '')) from -= 1;
  let to = caret;
  while (to < text.length && !/\s/.test(text[to] ?? '')) to += 1;
  return { from, to };
}

/** `values`: values of text fields in the loaded rows. */
export function complete(
  text: string,
  caret: number,
  fields: readonly Field[],
  values: Record<string, readonly string[]> = {},
): Suggestion[] {
  const { from } = wordAt(text, caret);
  const typed = text.slice(from, caret);
  const sign = typed.startsWith('-') ? '-' : '';
  const bare = typed.slice(sign.length);
  const colon = bare.search(/[:=]/);
  if (colon < 0) {
    if (bare === '' && sign === '') return [];
    return fields
      .filter((field) => field.name.startsWith(bare.toLowerCase()))
      .slice(0, MOST)
      .map(({ name, kind }) => ({
        word: `${sign}${name}${kind === 'text' || kind === 'word' ? ':' : '>'}`,
        open: true,
      }));
  }
  const head = bare.slice(0, colon + 1);
  const begun = bare.slice(colon + 1).toLowerCase();
  const field = fields.find((one) => `${one.name}:` === head || `${one.name}=` === head);
  const known = field?.words.length ? field.words : (values[field?.name ?? ''] ?? []);
  return known
    .filter(
      (word) => word.toLowerCase().startsWith(begun) && word.toLowerCase() !== begun && !/[\s"]/.test(word),
    )
    .slice(0, MOST)
    .map((word) => ({ word: `${sign}${head}${word}`, open: false }));
}

/** The text with the term at the caret replaced, and the new caret position. */
export function completed(text: string, caret: number, { word, open }: Suggestion) {
  const { from, to } = wordAt(text, caret);
  const after = text.slice(to);
  const put = open || after.startsWith(' ') ? word : `${word} `;
  return { text: text.slice(0, from) + put + after, caret: from + put.length };
}
