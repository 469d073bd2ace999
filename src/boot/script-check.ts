// What must hold for a rendered iPXE script before a machine gets it, whoever wrote its template. Pure.

const maxBytes = 64 * 1024;

/** What is wrong with `script`, with its line, or undefined when iPXE can run it as it was meant. */
export function scriptFault(script: string): string | undefined {
  if (!script.startsWith("#!ipxe\n")) return "it does not start with the line #!ipxe";
  if (Buffer.byteLength(script) > maxBytes) return `it is longer than ${maxBytes} octets`;
  const lines = script.split("\n");
  const labels = new Set(lines.flatMap((line) => /^:(\S+)/.exec(line)?.[1] ?? []));
  for (const [index, line] of lines.entries()) {
    const fault = line.startsWith("#") ? undefined : lineFault(line, labels);
    if (fault !== undefined) return `line ${index + 1}: ${fault}`;
  }
  return undefined;
}

function lineFault(line: string, labels: ReadonlySet<string>): string | undefined {
  const strange = /[^\x20-\x7e\t]/.exec(line);
  if (strange !== null)
    return `${JSON.stringify(strange[0])} is no plain ASCII: iPXE would not show or send it as it stands`;
  // Settings may be nested, ${net${index}/mac}: once the innermost are gone again and again, none is left.
  let rest = line;
  for (let before = ""; before !== rest; ) {
    before = rest;
    rest = rest.replace(/\$\{[^${}]*\}/g, "");
  }
  if (rest.includes("${")) return `a \${ is not closed in: ${line.trim()}`;
  for (const [, label = ""] of line.matchAll(/(?:^|\|\||&&|;)\s*goto\s+(\S+)/g))
    if (!label.includes("${") && !labels.has(label))
      return `goto ${label}, and there is no :${label}`;
  return undefined;
}
