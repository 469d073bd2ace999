// What was written last into a generated tree: by which generator, the file's checksum, and its text to show an edit against.
// Kept in the tree itself, so that whoever has a copy of the tree knows what in it was edited.

import { createHash } from "node:crypto";
import { deflateRawSync, inflateRawSync } from "node:zlib";
import { z } from "zod";
import { pathFault } from "./tree-path.ts";

export const manifestName = ".rackstrap-generated.json";

/** Larger files are none that were generated. */
export const maxFileBytes = 16 * 1024 * 1024;

const entry = z.strictObject({
  by: z.string().min(1).max(64),
  sha256: z.string().regex(/^[0-9a-f]{64}$/),
  /** The text, deflated (RFC 1951), in Base64. */
  deflated: z.string(),
});
const manifestShape = z.strictObject({
  version: z.literal(1),
  files: z.record(z.string(), entry),
});

type ManifestEntry = z.output<typeof entry>;
export type Manifest = ReadonlyMap<string, ManifestEntry>;

/** The entry of a file with this text. */
export function entryOf(by: string, text: string): ManifestEntry {
  return { by, sha256: sha256(text), deflated: deflateRawSync(text).toString("base64") };
}

/** The text that was written; undefined when the entry does not hold it, or holds another. */
export function textOf({ deflated, sha256: expected }: ManifestEntry): string | undefined {
  try {
    const limit = { maxOutputLength: maxFileBytes };
    const bytes = inflateRawSync(Buffer.from(deflated, "base64"), limit);
    return sha256(bytes) === expected ? bytes.toString("utf8") : undefined;
  } catch {
    return undefined;
  }
}

/** Reads a manifest; says what is wrong with one that can't be relied on. */
export function parseManifest(text: string): Manifest | { readonly malformed: string } {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    return { malformed: "it is not JSON" };
  }
  const parsed = manifestShape.safeParse(json);
  if (!parsed.success) {
    const issue = parsed.error.issues[0];
    return { malformed: `${issue?.path.join(".")}: ${issue?.message}` };
  }
  const files = Object.entries(parsed.data.files);
  for (const [path] of files) {
    const fault = pathFault(path);
    if (fault !== undefined) return { malformed: `it names ${JSON.stringify(path)}: ${fault}` };
  }
  return new Map(files);
}

/** In the order of the paths, so that a change of one file changes one line of it. */
export function formatManifest(manifest: Manifest): string {
  const files = Object.fromEntries([...manifest].toSorted(([a], [b]) => (a < b ? -1 : 1)));
  return `${JSON.stringify({ version: 1, files }, undefined, 1)}\n`;
}

export function sha256(content: string | Buffer): string {
  return createHash("sha256").update(content).digest("hex");
}
