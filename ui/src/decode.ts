/** Percent-decoding of text that people write. Pure. */

/** Decodes percent sequences that are UTF-8; any other `%` stands for itself. */
export function decodePercent(text: string): string {
  return text.replace(/(?:%[0-9a-f]{2})+/gi, (sequence) => {
    try {
      return decodeURIComponent(sequence);
    } catch {
      return sequence;
    }
  });
}
