// The NixOS side of a node in memory: generations, activations as transient units, restarts. Understands the commands of
// src/operations/node-system.ts and steps/restart-machine.ts, and no others.

import type { ShellAnswer } from "../../src/operations/node-shell.ts";

/** A store path that a test can read. */
export function systemPath(node: string, generation: string): string {
  return `/nix/store/${"0".repeat(32)}-nixos-system-${node}-${generation}`;
}

export interface FakeSystem {
  generations: { number: number; path: string }[];
  lasting: number;
  running: string;
  booted: string;
  boots: number;
  readonly units: Map<string, FakeUnit>;
  /** Every activation that began. */
  readonly activations: string[];
  /** Systems that leave chainfire broken. */
  readonly broken: Set<string>;
  /** Systems whose activation fails. */
  readonly failing: Set<string>;
  /** Systems with another kernel than the first. */
  readonly newKernel: Set<string>;
}

interface FakeUnit {
  looks: number;
  readonly path: string;
  state: "running" | "ended" | "failed";
}

export function fakeSystem(node: string): FakeSystem {
  const first = systemPath(node, "1");
  return {
    ...{ generations: [{ number: 1, path: first }], lasting: 1, running: first, booted: first },
    ...{ boots: 1, units: new Map<string, FakeUnit>(), activations: [] },
    ...{ broken: new Set<string>(), failing: new Set<string>(), newKernel: new Set<string>() },
  };
}

const ok = (stdout = ""): ShellAnswer => ({ ok: true, stdout });

/** The answer to a command about the system; undefined for any other. `stopped`: the units that are down. */
export function systemCommand(
  system: FakeSystem,
  stopped: Set<string>,
  command: string,
): ShellAnswer | undefined {
  if (command.startsWith("cd /nix/var/nix/profiles")) return ok(listing(system));
  if (command.startsWith("for part in kernel")) {
    const path = /readlink '([^']+)'/.exec(command)?.[1] ?? "";
    const differs = system.newKernel.has(path) !== system.newKernel.has(system.booted);
    return ok(differs ? "kernel\n" : "");
  }
  if (command.startsWith("nix-env -p /nix/var/nix/profiles/system "))
    return profile(system, command);
  const run = /^systemd-run .*--unit='([^']+)' -- '(\S+)\/bin\/switch-to-configuration' (\w+)$/;
  const [, unit, path, action] = run.exec(command) ?? [];
  if (unit !== undefined && path !== undefined) {
    system.units.set(unit, { looks: 0, path, state: "running" });
    system.activations.push(`${action} ${path}`);
    // What is new is restarted.
    if (path !== system.running) stopped.add("chainfire");
    return ok();
  }
  const shown = /^systemctl show .* '([^']+)' &&/.exec(command)?.[1];
  if (shown !== undefined) return ok(show(system, stopped, shown));
  if (command.startsWith("systemctl stop '")) {
    for (const [, name = ""] of command.matchAll(/'([^']+)'/g)) system.units.delete(name);
    return ok();
  }
  if (command === "cat /proc/sys/kernel/random/boot_id") return ok(`boot-${system.boots}\n`);
  if (command === "systemctl --no-block reboot") {
    restartInto(lastingPath(system), system, stopped);
    return ok();
  }
  return undefined;
}

/** The machine starts anew, with the generation that lasts: by itself, as one does that crashed. */
export function crash(system: FakeSystem, stopped: Set<string>): void {
  restartInto(lastingPath(system), system, stopped);
}

function restartInto(path: string, system: FakeSystem, stopped: Set<string>): void {
  Object.assign(system, { boots: system.boots + 1, running: path, booted: path });
  system.units.clear();
  stopped.clear();
  if (system.broken.has(path)) stopped.add("chainfire");
}

function lastingPath({ generations, lasting }: FakeSystem): string {
  return generations.find(({ number }) => number === lasting)?.path ?? "";
}

function listing(system: FakeSystem): string {
  const generations = system.generations.map(
    ({ number, path }) => `generation system-${number}-link ${1_700_000_000 + number} ${path}`,
  );
  const rest = [`lasting system-${system.lasting}-link`, `running ${system.running}`];
  return [...generations, ...rest, `booted ${system.booted}`, ""].join("\n");
}

function profile(system: FakeSystem, command: string): ShellAnswer {
  const set = /--set '([^']+)'$/.exec(command)?.[1];
  if (set !== undefined) {
    const last = system.generations.at(-1);
    if (last?.path !== set) system.generations.push({ number: (last?.number ?? 0) + 1, path: set });
    system.lasting = system.generations.at(-1)?.number ?? 0;
    return ok();
  }
  system.lasting = Number(/--switch-generation (\d+)$/.exec(command)?.[1]);
  return ok();
}

/** An activation is over at the second look. */
function show(system: FakeSystem, stopped: Set<string>, name: string): string {
  const unit = system.units.get(name);
  if (unit === undefined) return "LoadState=not-found\nActiveState=inactive\nExecMainStatus=0\n";
  unit.looks += 1;
  if (unit.state === "running" && unit.looks >= 2) {
    system.running = unit.path;
    unit.state = system.failing.has(unit.path) ? "failed" : "ended";
    if (system.broken.has(unit.path)) stopped.add("chainfire");
    else stopped.clear();
  }
  const active = { running: "activating", ended: "active", failed: "failed" }[unit.state];
  const code = unit.state === "failed" ? 4 : 0;
  const journal = unit.state === "failed" ? "Failed to start iam.service\n" : "";
  return `LoadState=loaded\nActiveState=${active}\nExecMainStatus=${code}\n${journal}`;
}
