// The name that was probably meant.

/** The one of `known` that `text` is most likely a slip of; undefined when none is near. */
export function nearest(text: string, known: readonly string[]): string | undefined {
  const wanted = text.slice(0, 100).toLowerCase();
  const best = known
    .map((name) => ({ name, away: away(wanted, name.toLowerCase()) }))
    .toSorted((a, b) => a.away - b.away)[0];
  if (best === undefined || wanted === "") return undefined;
  const allowed = Math.max(2, Math.floor(Math.max(wanted.length, best.name.length) / 3));
  if (best.away < allowed + 1 && best.away < best.name.length) return best.name;
  return known.find((name) => isShort(wanted, name.toLowerCase()));
}

/** `did you mean "x"?`, or else what there is. */
export function suggest(text: string, known: readonly string[]): string {
  const name = nearest(text, known);
  if (name !== undefined) return `did you mean "${name}"?`;
  return known.length === 0 ? "declare it there" : `there are ${shorten(known)}`;
}

const shownNames = 40;

function shorten(names: readonly string[]): string {
  const shown = names.slice(0, shownNames).join(", ");
  return names.length > shownNames ? `${shown} and ${names.length - shownNames} more` : shown;
}

/** Whether `text` is `name` with letters left out, such as iface for interface. */
function isShort(text: string, name: string): boolean {
  if (text.length < 3 || text[0] !== name[0]) return false;
  let at = 0;
  for (const letter of name) if (letter === text[at]) at += 1;
  return at === text.length;
}

/** Hyphens and dots count little: exit1 is exit-1 rather than exit. */
function away(a: string, b: string): number {
  const plain = (text: string) => text.replace(/[^a-z0-9]/g, "");
  return distance(plain(a), plain(b)) + distance(a, b) / 1000;
}

/** Levenshtein distance: letters to add, to take out or to exchange. */
function distance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, i) => i);
  for (const [i, from] of [...a].entries()) {
    const next = [i + 1];
    for (const [j, to] of [...b].entries())
      next.push(
        Math.min((next[j] ?? 0) + 1, (row[j + 1] ?? 0) + 1, (row[j] ?? 0) + (from === to ? 0 : 1)),
      );
    row = next;
  }
  return row[b.length] ?? 0;
}
