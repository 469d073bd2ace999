// Finds secrets that were written into an inventory as text. No message shows the value.

import type { Finding } from "./check.ts";

type Path = Finding["path"];

// What is a secret wherever it stands.
const shapes: readonly (readonly [RegExp, string])[] = [
  [/-----BEGIN [A-Z0-9 ]*(?:PRIVATE KEY|SECRET)/, "a private key"],
  [/AGE-SECRET-KEY-/i, "a key of age"],
  [/(?:^|[^A-Za-z0-9])(?:AKIA|ASIA)[A-Z0-9]{16}(?![A-Za-z0-9])/, "a key of AWS"],
  [/(?:^|[^A-Za-z0-9])(?:gh[pousr]_[A-Za-z0-9]{30}|github_pat_|glpat-|xox[abprs]-)/, "a token"],
  [/(?:^|[^A-Za-z0-9])eyJ[A-Za-z0-9_-]{8,}\.eyJ[A-Za-z0-9_-]{8,}\./, "a token"],
  [/\$(?:1|2[aby]|5|6|7|y|argon2[id]{1,2})\$[^\s$]{4}/, "the hash of a password"],
  [/^[A-Za-z][A-Za-z0-9+.-]*:\/\/[^/?#\s]*:[^/?#@\s]+@/, "a password in a URL"],
  [
    /(?:^|[^A-Za-z])(?:pass|passwd|password|passphrase|secret|token|api[-_]?key|psk)=[^\s&]/i,
    "a password or token",
  ],
];
const secretKey =
  /^(?:pass|passwd|password|passphrase|secret|token|api[-_]?key|private[-_]?key|psk)$/i;
// Where neither fingerprints nor identifiers are written, so that what looks random is.
const plainPlaces: ReadonlySet<string> = new Set([
  "kernelArguments",
  "labels",
  "retired",
  "command",
]);
const leastRandom = 40;
// Random base64 of 40 characters has 4.7 bits in each and more; words and paths stay below 4.2.
const leastBits = 4.4;
const maxTextLength = 100_000;

/** Every text of the file, keys included, that looks like a secret. */
export function secretFindings(file: unknown): Finding[] {
  const findings: Finding[] = [];
  visit(file, [], (path, at, text) => {
    const what = secretIn(text, path, at);
    if (what === undefined) return;
    // The key itself must not be shown as part of the path either.
    const shown = at === "key" ? path.slice(0, -1) : path;
    findings.push({ path: shown, ...(at === "key" && { at }), message: refusal(what) });
  });
  return findings;
}

function refusal(what: string): string {
  return `this looks like ${what}: a secret is never written here; keep it in a file of mode 0600 or in the server's environment, and change it if others could read it`;
}

function secretIn(text: string, path: Path, at: "key" | "value"): string | undefined {
  const shape = shapes.find(([pattern]) => pattern.test(text));
  if (shape !== undefined) return shape[1];
  if (!path.some((part) => plainPlaces.has(String(part)))) return undefined;
  // Elsewhere a key of such a name takes a reference to a secret, and says so itself.
  if (at === "value" && secretKey.test(String(path.at(-1))) && text !== "") return "a secret";
  return looksRandom(text) ? "a key or token" : undefined;
}

function looksRandom(text: string): boolean {
  return text
    .split(/[^A-Za-z0-9+_]/)
    .some(
      (word) => word.length >= leastRandom && isMixed(word) && bitsPerCharacter(word) > leastBits,
    );
}

function isMixed(word: string): boolean {
  return /[a-z]/.test(word) && /[A-Z]/.test(word) && /[0-9]/.test(word);
}

/** Shannon's entropy. */
function bitsPerCharacter(text: string): number {
  const counts = new Map<string, number>();
  for (const letter of text) counts.set(letter, (counts.get(letter) ?? 0) + 1);
  return [...counts.values()].reduce((sum, count) => {
    const share = count / text.length;
    return sum - share * Math.log2(share);
  }, 0);
}

/** Calls `onText` for each key and each text below `value`. What was parsed has an end, so this has. */
function visit(
  value: unknown,
  path: Path,
  onText: (path: Path, at: "key" | "value", text: string) => void,
): void {
  if (typeof value === "string") onText(path, "value", value.slice(0, maxTextLength));
  if (typeof value !== "object" || value === null) return;
  for (const [key, inner] of Object.entries(value)) {
    const at = [...path, Array.isArray(value) ? Number(key) : key];
    if (!Array.isArray(value)) onText(at, "key", key);
    visit(inner, at, onText);
  }
}
