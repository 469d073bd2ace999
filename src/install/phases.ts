// Reads nixos-anywhere's output: which step it is in, how far, and when it has been there too long.
// Pure. Lines are never judged by the word "error": success is the exit code's to tell.

export type InstallStep =
  | "upload-keys"
  | "gather-facts"
  | "kexec"
  | "hardware-config"
  | "upload-disk-keys"
  | "build-disko"
  | "format-disk"
  | "copy-system"
  | "copy-extra-files"
  | "install"
  | "reboot"
  | "wait-unreachable"
  | "done";

interface StepRow {
  readonly step: InstallStep;
  readonly title: string;
  /** The text between `### ` and ` ###`. */
  readonly says: RegExp;
  /** How long it may print nothing. */
  readonly silentMs: number;
  /** For steps that loop for ever and print while they do: how long they may take at all. */
  readonly totalMs?: number;
}

const second = 1000;
const minute = 60 * second;

const steps: readonly StepRow[] = [
  {
    step: "upload-keys",
    title: "upload SSH keys",
    says: /^Uploading install SSH keys$/,
    silentMs: minute,
    totalMs: minute,
  },
  {
    step: "gather-facts",
    title: "gather machine facts",
    says: /^Gathering machine facts$/,
    // The facts take seconds. Under the same heading nixos-anywhere then evaluates the flake twice, for
    // its substituters and their keys, and prints nothing while it fetches the inputs.
    silentMs: 10 * minute,
    totalMs: 10 * minute,
  },
  // A node that runs our installer never gets here: whatever answered is about to be taken over.
  { step: "kexec", title: "kexec", says: /^Switching system into kexec$/, silentMs: 0, totalMs: 0 },
  {
    step: "hardware-config",
    title: "generate hardware configuration",
    says: /^Generating (?:facter\.json|hardware-configuration\.nix) using /,
    silentMs: 5 * minute,
  },
  {
    step: "upload-disk-keys",
    title: "upload disk keys",
    says: /^Uploading .+ to .+$/,
    silentMs: minute,
  },
  {
    step: "build-disko",
    title: "build disk script",
    says: /^Building disko script$/,
    silentMs: 10 * minute,
  },
  {
    step: "format-disk",
    title: "partition and format disk",
    says: /^Formatting hard drive with disko$/,
    silentMs: 15 * minute,
  },
  {
    step: "copy-system",
    title: "build and copy system",
    says: /^(?:Uploading|Building) the system closure$/,
    silentMs: 10 * minute,
  },
  {
    step: "copy-extra-files",
    title: "copy secrets",
    says: /^Copying extra files$/,
    silentMs: 5 * minute,
  },
  {
    step: "install",
    title: "install NixOS and boot loader",
    says: /^Installing NixOS$/,
    silentMs: 10 * minute,
  },
  {
    step: "reboot",
    title: "reboot",
    says: /^Rebooting$/,
    silentMs: 5 * minute,
    totalMs: 5 * minute,
  },
  {
    step: "wait-unreachable",
    title: "wait for the reboot",
    // Old releases say "reachable again".
    says: /^Waiting for the machine to become (?:unreachable due to reboot|reachable again)$/,
    silentMs: 5 * minute,
    totalMs: 5 * minute,
  },
  { step: "done", title: "done", says: /^Done!$/, silentMs: minute },
];

/** Before the first step line: fetching nixos-anywhere itself, evaluating the flake. */
const startSilentMs = 10 * minute;
const keptLines = 40;

export interface Progress {
  /** Undefined until the first step line. */
  readonly step: InstallStep | undefined;
  /** Every step entered so far, in order, each once. */
  readonly entered: readonly InstallStep[];
  /** Store paths copied in this step, of how many; undefined while nothing is copied. */
  readonly paths: { readonly copied: number; readonly total: number } | undefined;
  /** The newest line worth showing. */
  readonly lastLine: string | undefined;
  /** The newest lines worth keeping, oldest first. */
  readonly tail: readonly string[];
}

export const noProgress: Progress = {
  step: undefined,
  entered: [],
  paths: undefined,
  lastLine: undefined,
  tail: [],
};

/** The progress after one more line of output, which comes without its line end. */
export function advance(progress: Progress, line: string): Progress {
  const announced = /^### (.*) ###$/.exec(line)?.[1];
  const step = steps.find((row) => announced !== undefined && row.says.test(announced))?.step;
  if (step !== undefined) return enter(progress, step);
  if (line === "" || isNoise(line, progress.step)) return progress;
  const tail = [...progress.tail.slice(1 - keptLines), line];
  return { ...progress, paths: countPaths(progress.paths, line), lastLine: line, tail };
}

/** A step line that is repeated, or older than where we are, changes nothing. */
function enter(progress: Progress, step: InstallStep): Progress {
  const order = steps.map((row) => row.step);
  const here = progress.step === undefined ? -1 : order.indexOf(progress.step);
  if (order.indexOf(step) <= here) return progress;
  return {
    ...progress,
    step,
    entered: [...progress.entered, step],
    paths: undefined,
    lastLine: stepTitle(step),
  };
}

function countPaths(paths: Progress["paths"], line: string): Progress["paths"] {
  const total = /^copying (\d+) paths?\.\.\.$/.exec(line)?.[1];
  if (total !== undefined) return { copied: 0, total: Number(total) };
  if (paths === undefined || !/^copying path '[^']+' (?:to|from) '/.test(line)) return paths;
  return { copied: Math.min(paths.copied + 1, paths.total), total: paths.total };
}

// Printed by runs that succeed. Each would otherwise stand as the newest line for minutes, or as a reason.
const noise: readonly RegExp[] = [
  /^Warning: Identity file .* not accessible/,
  /^Pseudo-terminal will not be allocated/,
  /^Warning: Permanently added /,
  /^umount: \/mnt: not mounted/,
  /type: zdb: not found/,
  /^don't know how to build these paths:/,
  /^warning: (?:error: )?unable to download /,
  /^WARNING: --build-on-remote is deprecated/,
  /ssh-copy-id: (?:INFO|WARNING):/,
  /^(?:Number of key\(s\) added|Now try logging into the machine|and check to make sure)/,
];

/**
 * Whether the line is of a build's own log, as nix prints it under `-L`: the derivation's name comes
 * first. What a build says of networks and disks is about what it tests, and not about this install.
 */
export function isBuildLog(line: string): boolean {
  return /^\S+(?: \(post\))?> /.test(line);
}

function isNoise(line: string, step: InstallStep | undefined): boolean {
  // The last word of every good run is an ssh that no longer gets through.
  const leaving = step === "reboot" || step === "wait-unreachable" || step === "done";
  if (leaving && /^ssh: connect to host |^Connection (?:closed|reset) by /.test(line)) return true;
  return noise.some((pattern) => pattern.test(line));
}

export function stepTitle(step: InstallStep | undefined): string {
  return steps.find((row) => row.step === step)?.title ?? "start";
}

export interface Elapsed {
  /** Since the newest byte of output. */
  readonly silentMs: number;
  /** Since the step was entered. */
  readonly stepMs: number;
  /** Since the run began. */
  readonly runMs: number;
}

/** Why the run should be given up, or undefined while it may go on. `longestMs`: what all of it may take. */
export function overdue(
  step: InstallStep | undefined,
  elapsed: Elapsed,
  longestMs: number,
): string | undefined {
  const row = steps.find((candidate) => candidate.step === step);
  const title = stepTitle(step);
  if (step === "kexec") return "nixos-anywhere takes the target for a system that is no installer";
  const silentMs = row?.silentMs ?? startSilentMs;
  if (elapsed.silentMs > silentMs)
    return `no output for ${seconds(elapsed.silentMs)} in step "${title}" (limit ${seconds(silentMs)})`;
  if (row?.totalMs !== undefined && elapsed.stepMs > row.totalMs)
    return `${seconds(elapsed.stepMs)} in step "${title}" (limit ${seconds(row.totalMs)})`;
  if (elapsed.runMs > longestMs)
    return `${seconds(elapsed.runMs)} in all (limit ${seconds(longestMs)}, timeouts.installSeconds), now in step "${title}"`;
  return undefined;
}

function seconds(ms: number): string {
  return `${Math.round(ms / second)} s`;
}
