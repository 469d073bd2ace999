// Names for programs that take letters, digits and underscores alone. Pure.

/** An identifier for each of `values`: what it may not have becomes an underscore, and a second value of the same form gets a number. */
export function identifiersFor(values: Iterable<string>): ReadonlyMap<string, string> {
  const taken = new Set<string>();
  const names = new Map<string, string>();
  for (const value of [...new Set(values)].toSorted()) {
    const plain = value.replace(/[^A-Za-z0-9_]/g, "_");
    let name = plain;
    for (let number = 2; taken.has(name); number += 1) name = `${plain}_${number}`;
    taken.add(name);
    names.set(value, name);
  }
  return names;
}
