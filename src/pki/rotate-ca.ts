// A CA that was made here and the one that takes its place, on disk. Each step of a rotation is one rename of a folder: a crash leaves the
// state before it or the state after it, and what is left to tidy is tidied at the next look.
//
//   ca-cert.pem, ca-key.pem   the CA; while it is replaced, the old one
//   next/                     begun: the next CA, which does not sign yet
//   signing/                  switched: the same folder; what is in it signs
//   finishing/                the same folder; its files are on their way into the place of the old ones
//   retired/SHA256.pem        certificates of CAs that were replaced, for the record; their keys are gone

import { mkdir, mkdtemp, readdir, readFile, rename, rm } from "node:fs/promises";
import { dirname, join } from "node:path";
import { syncDirectory } from "../net/sync-directory.ts";
import { type CaSettings, certFile, keyFile, writeNewCa } from "./ca-files.ts";
import { fingerprintOf, readCertificates } from "./chain.ts";
import { eraseContent, writeDurably } from "./durable.ts";
import {
  type CaStanding,
  moveOf,
  outgoingOf,
  type RotationStage,
  type RotationStep,
} from "./rotation.ts";

/** What is done to the disk, one effect at a time; each is on it when the promise resolves. */
export interface CaDisk {
  /** A new empty folder whose name begins with `prefix`, for its owner alone; returns its path. */
  newDirectory(prefix: string): Promise<string>;
  makeDirectory(path: string): Promise<void>;
  /** A file that must not exist yet, mode 0600. */
  write(file: string, text: string): Promise<void>;
  rename(from: string, to: string): Promise<void>;
  erase(file: string): Promise<void>;
  remove(path: string): Promise<void>;
}

export const caDisk: CaDisk = {
  newDirectory: async (prefix) => await mkdtemp(prefix), // mode 0700
  makeDirectory: async (path) => {
    await mkdir(path, { recursive: true, mode: 0o700 });
    await syncDirectory(dirname(path));
  },
  write: writeDurably,
  rename: async (from, to) => {
    await rename(from, to);
    for (const folder of new Set([dirname(to), dirname(from)])) await syncDirectory(folder);
  },
  erase: eraseContent,
  remove: async (path) => {
    await rm(path, { recursive: true, force: true });
    await syncDirectory(dirname(path));
  },
};

/** Where the files of each CA lie. */
export interface CaPlaces {
  readonly stage: RotationStage;
  readonly signing: string;
  /** Of the one that comes or goes. */
  readonly other: string | undefined;
}

/** Completes a step that a crash cut off, and says where the CAs of `directory` lie. */
export async function settleRotation(directory: string, disk: CaDisk = caDisk): Promise<CaPlaces> {
  const names = await readdir(directory);
  // Made by a `begin` that did not come to its end: it never signed anything.
  for (const name of names)
    if (name.startsWith(partPrefix)) await disk.remove(join(directory, name));
  if (names.includes("finishing")) {
    await bringIn(directory, disk);
    return { stage: "one", signing: directory, other: undefined };
  }
  const next = join(directory, "next");
  const signing = join(directory, "signing");
  if (names.includes("signing")) return { stage: "switched", signing, other: directory };
  if (names.includes("next")) return { stage: "begun", signing: directory, other: next };
  return { stage: "one", signing: directory, other: undefined };
}

const partPrefix = "next.part-";

export interface RotationOrder {
  readonly step: RotationStep;
  /** SHA-256 of the certificate of the CA that is replaced. */
  readonly replaced: string;
}

/**
 * Does one step of the rotation of the CA in `directory`, where it is not done yet. Returns why it can't be, or undefined. The settings are
 * those of the next CA.
 */
export async function rotateCa(
  directory: string,
  { step, replaced }: RotationOrder,
  settings: CaSettings,
  disk: CaDisk = caDisk,
): Promise<string | undefined> {
  const places = await settleRotation(directory, disk);
  const move = moveOf(outgoingOf(await standingOf(directory, places), replaced), step);
  if (move.kind === "refused") return move.why;
  if (move.kind === "done") return undefined;
  switch (step) {
    case "begin": {
      const part = await disk.newDirectory(join(directory, partPrefix));
      await writeNewCa(part, settings, disk.write);
      await disk.rename(part, join(directory, "next"));
      return undefined;
    }
    case "switch":
      await disk.rename(join(directory, "next"), join(directory, "signing"));
      return undefined;
    case "finish":
      await disk.rename(join(directory, "signing"), join(directory, "finishing"));
      await bringIn(directory, disk);
      return undefined;
  }
}

async function standingOf(directory: string, places: CaPlaces): Promise<CaStanding> {
  const { stage, signing, other } = places;
  const retired = await readdir(join(directory, "retired")).catch(whenMissing([]));
  return {
    stage,
    signing: await fingerprintIn(signing),
    other: other && (await fingerprintIn(other)),
    retired: retired.map((name) => name.replace(/\.pem$/, "")),
  };
}

async function fingerprintIn(directory: string): Promise<string> {
  const [certificate] = readCertificates(await readFile(join(directory, certFile), "utf8"));
  if (certificate === undefined) throw new Error(`${directory}/${certFile} holds no certificate`);
  return fingerprintOf(certificate);
}

/**
 * Puts what is in `finishing` into the place of the CA that was replaced. The old key is overwritten before its name is taken from it: the
 * other way round, a crash between the two would leave its octets on the disk without a name.
 */
async function bringIn(directory: string, disk: CaDisk): Promise<void> {
  const finishing = join(directory, "finishing");
  const left = await readdir(finishing);
  if (left.includes(keyFile)) {
    await keepRecord(directory, disk);
    await disk.erase(join(directory, keyFile));
    await disk.rename(join(finishing, keyFile), join(directory, keyFile));
  }
  if (left.includes(certFile))
    await disk.rename(join(finishing, certFile), join(directory, certFile));
  await disk.remove(finishing);
}

async function keepRecord(directory: string, disk: CaDisk): Promise<void> {
  const retired = join(directory, "retired");
  const record = join(retired, `${await fingerprintIn(directory)}.pem`);
  await disk.makeDirectory(retired);
  await disk.remove(`${record}.new`);
  await disk.write(`${record}.new`, await readFile(join(directory, certFile), "utf8"));
  await disk.rename(`${record}.new`, record);
}

function whenMissing<T>(instead: T): (error: unknown) => T {
  return (error) => {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return instead;
    throw error;
  };
}
