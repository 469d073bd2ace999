// What makers and their firmware leave where a serial number or a UUID belongs.

const placeholder =
  /^(?:|[0fx.-]+|1+|none|null|empty|unknown|serial|n\/?a|not (?:specified|applicable|available)|default string|to be filled.*|system serial number|0?123456789\d*|03000200-0400-0500-0006-000700080009|[0f]{8}-[0f]{4}-[0f]{4}-[0f]{4}-[0f]{12})$/i;

/** Whether a text stands for no number at all: many machines have the same one. */
export function isPlaceholder(text: string): boolean {
  return placeholder.test(text.trim());
}
