// What a backup says of itself, and everything that can be wrong with one. Pure: what was found on the disk comes in, sentences go out.
// The manifest is written last, so a folder without one is no backup.

import { z } from "zod";
import { type Layer, layers } from "../../cluster/driver.ts";

export const manifestName = "manifest.json";
/** The key that a backup writes into each layer before its snapshot, with its id: after a restore it proves whose data that is. */
export const markerKey = "rackstrap-backup";

const format = 1;

const sha256 = z.string().regex(/^[0-9a-f]{64}$/, "must be a SHA-256 in hexadecimal");
const id = z.string().regex(/^[A-Za-z0-9-]{1,64}$/, "must be letters, digits and hyphens");
const whole = z.int().min(0);
// Joined to the folder: it must not lead out of it, nor confuse a terminal.
const path = z
  .string()
  .min(1)
  .refine(
    (name) =>
      !/[\\\p{Cc}]/u.test(name) && name.split("/").every((part) => !["", ".", ".."].includes(part)),
    "must stay in the folder",
  );

const layerShape = z.strictObject({
  layer: z.enum(layers),
  /** The backup that the snapshot was taken for. */
  backup: id,
  file: path,
  bytes: z.int().min(1),
  sha256,
  /** Of Raft. The snapshot holds at least everything up to this index. */
  term: whole,
  index: whole,
  /** The member that it was taken from. */
  from: z.string().min(1),
  atMs: whole,
  members: z
    .array(z.strictObject({ id: z.string(), raftAddress: z.string(), role: z.string() }))
    .min(1),
});

const manifestShape = z.strictObject({
  format: z.literal(format),
  id,
  cluster: z.string().min(1),
  /** Program and version that made it. */
  madeBy: z.string().min(1),
  /** Milliseconds since the epoch: when it was complete. */
  atMs: whole,
  layers: z.array(layerShape).min(1),
  /** The site's own files as they were: inventory, generated configuration. */
  files: z.array(z.strictObject({ path, bytes: whole, sha256 })),
});

export type Manifest = z.output<typeof manifestShape>;
export type LayerBackup = Manifest["layers"][number];
export type BackedUpFile = Manifest["files"][number];

/** A manifest of today's format. */
export function newManifest(said: Omit<Manifest, "format">): Manifest {
  return manifestShape.parse({ format, ...said });
}

/** The manifest, or one sentence on why it can't be read. */
export function parseManifest(text: string): Manifest | { readonly fault: string } {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return { fault: `${manifestName} is no JSON: it was cut off or edited` };
  }
  const told = z.looseObject({ format: z.int() }).safeParse(value);
  if (told.success && told.data.format > format)
    return {
      fault: `the backup has the format ${told.data.format}, and this version reads up to ${format}: use the version that made it`,
    };
  const parsed = manifestShape.safeParse(value);
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0];
  return {
    fault: `${manifestName}: ${issue?.path.join(".") || "the document"}: ${issue?.message}`,
  };
}

/** What stands in a backup's folder under a name that its manifest has. */
export type Found =
  /** Without a sum: its content was not read. */
  | { readonly kind: "file"; readonly bytes: number; readonly sha256: string | undefined }
  | { readonly kind: "missing" }
  /** A folder, a link, or what can't be read. */
  | { readonly kind: "unreadable"; readonly why: string };

/** Why the set does not fit together, from its manifest alone; empty when it does. */
export function setFaults(manifest: Manifest): readonly string[] {
  const { id: own, layers: kept, files } = manifest;
  const paths = [...kept.map(({ file }) => file), ...files.map((file) => file.path)];
  const names = kept.map(({ layer }) => layer);
  return [
    ...kept
      .filter(({ backup }) => backup !== own)
      .map(
        ({ layer, backup }) =>
          `the set is mixed: ${layer} is of the backup ${backup}, and the manifest is of ${own}`,
      ),
    ...repeated(names).map((layer) => `the layer ${layer} is there twice`),
    ...repeated(paths).map((file) => `the file ${file} is named twice`),
    ...(paths.includes(manifestName) ? [`${manifestName} can't be one of its own files`] : []),
  ];
}

/** Why it is no backup of this cluster with these layers; empty when it is. */
export function siteFaults(
  manifest: Manifest,
  site: { readonly cluster: string; readonly layers: readonly Layer[] },
): readonly string[] {
  const has = new Set(manifest.layers.map(({ layer }) => layer));
  return [
    ...(manifest.cluster === site.cluster
      ? []
      : [`the backup is of the cluster ${manifest.cluster}, not of ${site.cluster}`]),
    ...site.layers
      .filter((layer) => !has.has(layer))
      .map((layer) => `the backup has no ${layer}, which the cluster has`),
    ...[...has]
      .filter((layer) => !site.layers.includes(layer))
      .map((layer) => `the backup has ${layer}, which the inventory's cluster.layers has not`),
  ];
}

/** What is wrong with the files themselves, as far as they were read; empty when each is what the manifest says. */
export function fileFaults(
  manifest: Manifest,
  found: ReadonlyMap<string, Found>,
): readonly string[] {
  const kept = manifest.layers.map(({ file, layer, ...sum }) => ({ path: file, layer, ...sum }));
  const wrong = [...kept, ...manifest.files].flatMap((wanted) => {
    const there = found.get(wanted.path) ?? { kind: "missing" };
    if (there.kind === "missing") return [`${wanted.path} is missing`];
    if (there.kind === "unreadable") return [`${wanted.path} can't be read: ${there.why}`];
    const { sha256: read = wanted.sha256 } = there;
    if (read === wanted.sha256 && there.bytes === wanted.bytes) return [];
    const other = kept.find(
      ({ path: name, sha256: sum }) => name !== wanted.path && sum === there.sha256,
    );
    if (other !== undefined)
      return [`the set is mixed: ${wanted.path} holds the snapshot of ${other.layer}`];
    if (there.bytes !== wanted.bytes)
      return [
        `${wanted.path} is damaged or of another backup: ${there.bytes} bytes, not ${wanted.bytes}`,
      ];
    return [
      `${wanted.path} is damaged or of another backup: its SHA-256 is ${read}, not ${wanted.sha256}`,
    ];
  });
  return wrong;
}

function repeated<T>(all: readonly T[]): T[] {
  return [...new Set(all.filter((one, index) => all.indexOf(one) !== index))];
}

/** The runbook's name (9.4) for a backup that was begun then, in UTC. */
export function folderName(startedMs: number): string {
  const [date = "", time = ""] = new Date(startedMs).toISOString().slice(0, 19).split("T");
  return `cluster-${date.replaceAll("-", "")}-${time.replaceAll(":", "")}`;
}
