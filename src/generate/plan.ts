// What is to be done to a tree so that it holds what was generated, and no edit is lost. Pure.
// A file counts as edited unless its content is what the manifest says was written last.

import type { GeneratedFile } from "./file.ts";
import { entryOf, type Manifest, manifestName, sha256, textOf } from "./manifest.ts";
import { pathFault } from "./tree-path.ts";

export interface OwnedFile extends GeneratedFile {
  /** Name of the generator. */
  readonly by: string;
}

/** What lies at a path. `text` is for people; whether it is as it was is told by the checksum of its bytes. */
export type OnDisk =
  | { readonly kind: "file"; readonly text: string; readonly sha256: string }
  /** A link, a folder, a device, or something that can't be read. */
  | { readonly kind: "unusable"; readonly why: string };

export interface PlanFacts {
  readonly files: readonly OwnedFile[];
  /** The generators that made all their files: what else the manifest has of theirs is no longer made. */
  readonly complete: ReadonlySet<string>;
  readonly manifest: Manifest;
  /** By path; what is missing does not exist. */
  readonly disk: ReadonlyMap<string, OnDisk>;
  /** Paths whose edits may be lost. */
  readonly forced: ReadonlySet<string>;
}

interface At {
  readonly path: string;
  readonly by: string;
}

export type Action =
  | (At & { readonly kind: "create"; readonly text: string })
  | (At & { readonly kind: "keep"; readonly text: string })
  | (At & { readonly kind: "update"; readonly before: OnDiskFile; readonly text: string })
  | (At & { readonly kind: "remove"; readonly before: OnDiskFile })
  /** No longer made, and not there either. */
  | (At & { readonly kind: "forget" })
  /**
   * Left alone: edited by hand since it was written, or never written from here. `written` is what was written last; without
   * `text` it is no longer made.
   */
  | (At & {
      readonly kind: "edited";
      readonly foreign: boolean;
      readonly disk: OnDiskFile;
      readonly written: string | undefined;
      readonly text: string | undefined;
    })
  /** Can't be written or removed as it is. */
  | (At & { readonly kind: "blocked"; readonly why: string });

type OnDiskFile = Extract<OnDisk, { kind: "file" }>;

/** One action for each file that was generated and each that no longer is. Throws for a path that no generator may make. */
export function plan(facts: PlanFacts): readonly Action[] {
  const { files, complete, manifest } = facts;
  for (const { path, by } of files) {
    const fault = path === manifestName ? "it is the manifest's" : pathFault(path);
    if (fault !== undefined) throw new Error(`${by} makes ${JSON.stringify(path)}: ${fault}`);
  }
  const made = new Set(files.map(({ path }) => path));
  const left = [...manifest].filter(([path, { by }]) => !made.has(path) && complete.has(by));
  return [
    ...files.map((file) => actionFor(facts, file)),
    ...left.map(([path, { by }]) => actionForLeft(facts, path, by)),
  ];
}

function actionFor(facts: PlanFacts, { path, by, text }: OwnedFile): Action {
  const disk = facts.disk.get(path);
  if (disk === undefined) return { kind: "create", path, by, text };
  if (disk.kind === "unusable") return { kind: "blocked", path, by, why: disk.why };
  if (disk.sha256 === sha256(text)) return { kind: "keep", path, by, text };
  if (mayReplace(facts, path, disk)) return { kind: "update", path, by, before: disk, text };
  return edited(facts, path, by, disk, text);
}

function actionForLeft(facts: PlanFacts, path: string, by: string): Action {
  const disk = facts.disk.get(path);
  if (disk === undefined) return { kind: "forget", path, by };
  if (disk.kind === "unusable") return { kind: "blocked", path, by, why: disk.why };
  if (mayReplace(facts, path, disk)) return { kind: "remove", path, by, before: disk };
  return edited(facts, path, by, disk, undefined);
}

function mayReplace({ manifest, forced }: PlanFacts, path: string, disk: OnDiskFile): boolean {
  return manifest.get(path)?.sha256 === disk.sha256 || forced.has(path);
}

function edited(
  { manifest }: PlanFacts,
  path: string,
  by: string,
  disk: OnDiskFile,
  text: string | undefined,
): Action {
  const entry = manifest.get(path);
  const written = entry && textOf(entry);
  return { kind: "edited", path, by, foreign: entry === undefined, disk, written, text };
}

/** The manifest after `done` of the actions were carried out; what was left alone stays as it was known. */
export function manifestAfter(manifest: Manifest, done: readonly Action[]): Manifest {
  const after = new Map(manifest);
  for (const action of done) {
    const { kind, path, by } = action;
    if (kind === "create" || kind === "update" || kind === "keep") {
      const known = after.get(path);
      if (known?.sha256 !== sha256(action.text) || known.by !== by)
        after.set(path, entryOf(by, action.text));
    } else if (kind === "remove" || kind === "forget") after.delete(path);
  }
  return after;
}
