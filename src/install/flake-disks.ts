// Asks the flake which devices disko will format on a node, before nixos-anywhere does. What stands behind a device on the
// machine is not looked at here.

import { access } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { z } from "zod";
import { messageOf } from "../net/error-text.ts";
import { type ChildResult, runChild } from "./child.ts";
import { cleanLine } from "./log-reader.ts";
import { nixFeatures } from "./nix-features.ts";

export interface FlakeQuestion {
  /** The flake without its fragment. */
  readonly flake: string;
  /** Name of the node's configuration in the flake. */
  readonly node: string;
  /** The devices that disko shall format, and no other. */
  readonly devices: readonly string[];
  /** argv of nixos-anywhere. */
  readonly command: readonly string[];
  /** What nixos-anywhere runs with: PATH, HOME and working directory. The directory exists. */
  readonly path: string;
  readonly home: string;
  readonly directory: string;
  /** For the whole evaluation. */
  readonly timeoutMs: number;
}

export type FlakeDisks =
  | { readonly kind: "same"; readonly devices: readonly string[] }
  /** Nothing here can read the flake; `why` is a few words for people. */
  | { readonly kind: "not-compared"; readonly why: string }
  | { readonly kind: "failed"; readonly reason: string; readonly next: string };

const maxOutputBytes = 1024 * 1024;

/** What disko's configuration names, as it is named there: a device for each disk. */
const diskDevices = z.record(z.string(), z.string());

/** Compares what the flake formats with the devices of the question. Aborts reject; all else is in the result. */
export async function compareFlakeDisks(
  question: FlakeQuestion,
  signal: AbortSignal,
): Promise<FlakeDisks> {
  const { flake, node, devices, command } = question;
  const needsNix = basename(command[0] ?? "") === "nix";
  if (!needsNix && (await isFolderOutsideFlakes(flake)))
    return { kind: "not-compared", why: `${flake} has no flake.nix` };
  const answer = await askFlake(question, signal);
  switch (answer.kind) {
    case "devices":
      return judgeDevices({ flake, node, devices }, answer.devices);
    case "no-nix":
      if (!needsNix) return { kind: "not-compared", why: "there is no nix here" };
      return {
        kind: "failed",
        reason: `there is no nix in PATH ${question.path}, and install.command starts with it: nothing was written`,
        next: "install nix on this server, then provision again",
      };
    case "unreadable":
      return {
        kind: "failed",
        reason: `${attribute(question)} can't be read (${answer.why}): nothing was written`,
        next: `correct install.flake, or the configuration of node ${node} in it, until this answers: nix eval '${attribute(question)}'; then provision again`,
      };
  }
}

/** Whether `formatted`, which the flake names, are the devices of the inventory. Their order says nothing. */
export function judgeDevices(
  { flake, node, devices }: Pick<FlakeQuestion, "flake" | "node" | "devices">,
  formatted: readonly string[],
): FlakeDisks {
  const [wanted, named] = [devices, formatted].map((list) => JSON.stringify(list.toSorted()));
  if (wanted === named) return { kind: "same", devices };
  return {
    kind: "failed",
    reason: `the flake ${flake} formats ${listed(formatted)} on node ${node}, and the inventory names ${listed(devices)}: nothing was written`,
    next: `rackstrap generate --write, or correct the disko.nix of node ${node} in ${flake}; then provision again`,
  };
}

/** The argv that asks. nixos-anywhere takes the same attribute, and writes no lock file either. */
export function questionArgv(question: Pick<FlakeQuestion, "flake" | "node">): string[] {
  return [
    ...["nix", "--extra-experimental-features", nixFeatures],
    ...["eval", "--no-write-lock-file", "--json"],
    ...["--apply", "disk: builtins.mapAttrs (_: d: d.device) disk"],
    attribute(question),
  ];
}

function attribute({ flake, node }: Pick<FlakeQuestion, "flake" | "node">): string {
  return `${flake}#nixosConfigurations."${node}".config.disko.devices.disk`;
}

type Answer =
  | { readonly kind: "devices"; readonly devices: readonly string[] }
  | { readonly kind: "no-nix" }
  | { readonly kind: "unreadable"; readonly why: string };

async function askFlake(question: FlakeQuestion, signal: AbortSignal): Promise<Answer> {
  const { path, home, directory, timeoutMs } = question;
  const environment = { PATH: path, HOME: home };
  const options = { timeoutMs, maxOutputBytes, environment, directory };
  try {
    const ended = await runChild(questionArgv(question), options, signal);
    if (ended.timedOut) return { kind: "unreadable", why: `no answer in ${timeoutMs / 1000} s` };
    if (ended.exitCode !== 0) return { kind: "unreadable", why: lastError(ended) };
    const devices = readDevices(ended.stdout);
    if (devices === undefined)
      return { kind: "unreadable", why: `nix answered ${cleanLine(ended.stdout)}` };
    return { kind: "devices", devices };
  } catch (error) {
    if (signal.aborted) throw error;
    if (error instanceof Error && "code" in error && error.code === "ENOENT")
      return { kind: "no-nix" };
    return { kind: "unreadable", why: cleanLine(messageOf(error)) };
  }
}

function readDevices(json: string): readonly string[] | undefined {
  try {
    return Object.values(diskDevices.parse(JSON.parse(json)));
  } catch {
    return undefined;
  }
}

/** The last line that nix calls an error; a hint may follow it. Without one, the last line. */
export function lastError({ exitCode, stderr }: ChildResult): string {
  const lines = stderr.split("\n").map(cleanLine);
  const last = lines.findLast((line) => line.startsWith("error:")) ?? lines.findLast(isWritten);
  return last ?? (exitCode === undefined ? "nix was killed" : "nix said nothing");
}

const isWritten = (line: string) => line !== "";

function listed(devices: readonly string[]): string {
  const most = 8;
  const names = devices.slice(0, most).map(cleanLine);
  const more = devices.length > most ? [`${devices.length - most} more`] : [];
  return [...names, ...more].join(" and ") || "no disk";
}

/** Like nix, which looks for flake.nix in the folders above as well, up to the root of the Git repository. */
async function isFolderOutsideFlakes(flake: string): Promise<boolean> {
  if (!flake.startsWith("/") || flake.includes("?")) return false;
  for (let folder = flake; ; folder = dirname(folder)) {
    if (await isThere(join(folder, "flake.nix"))) return false;
    if ((await isThere(join(folder, ".git"))) || folder === dirname(folder)) return true;
  }
}

/** What can't be looked at counts as there: then nix is asked. */
async function isThere(path: string): Promise<boolean> {
  return await access(path).then(
    () => true,
    (error: NodeJS.ErrnoException) => error.code !== "ENOENT" && error.code !== "ENOTDIR",
  );
}
