// The NixOS generations of an installed node, and the activation of one of its systems, over SSH.
//
// A system is activated by a transient unit of the node's systemd, as nixos-rebuild does it: an SSH connection that drops when the
// network is set up anew must not end it half-way. The unit keeps its result until the node restarts, so that it is started once
// and may be looked at any number of times.

import { shellWord } from "../install/ssh.ts";
import type { Node } from "../inventory/schema.ts";
import type { NodeShell, ShellAnswer } from "./node-shell.ts";

type ShellFailure = Extract<ShellAnswer, { ok: false }>;

export interface Generation {
  readonly number: number;
  /** When it was made, in milliseconds since the epoch. */
  readonly createdAtMs: number;
  /** The store path of its system. */
  readonly path: string;
}

export interface NodeSystem {
  /** Oldest first. */
  readonly generations: readonly Generation[];
  /** The generation that the node starts with; undefined where the profile names none that exists. */
  readonly lasting: Generation | undefined;
  /** The store path that is active now. */
  readonly running: string;
  /** The one that the node was started with. */
  readonly booted: string;
}

/** `test` is gone at the next start of the node; `switch` is what it starts with from then on. */
export type ActivationAction = "test" | "switch";

export type UnitState =
  | { readonly kind: "absent" }
  | { readonly kind: "running" }
  | { readonly kind: "ended" }
  | { readonly kind: "failed"; readonly why: string };

const profile = "/nix/var/nix/profiles/system";
const timeoutMs = 30_000;

const listCommand = `cd /nix/var/nix/profiles && for link in system-*-link; do if [ -L "$link" ]; then echo "generation $link $(stat -c %Y "$link") $(readlink "$link")"; fi; done; echo "lasting $(readlink system)"; echo "running $(readlink /run/current-system)"; echo "booted $(readlink /run/booted-system)"`;

/** The node's generations, and which of them it runs and starts with. */
export async function readSystem(
  shell: NodeShell,
  node: Node,
  signal: AbortSignal,
): Promise<{ readonly ok: true; readonly system: NodeSystem } | ShellFailure> {
  const answer = await shell.run(node, listCommand, { timeoutMs }, signal);
  return answer.ok ? { ok: true, system: parseSystem(answer.stdout) } : answer;
}

/** Reads what `listCommand` prints. Lines that it does not know are passed over. */
export function parseSystem(text: string): NodeSystem {
  const generations = [
    ...text.matchAll(/^generation system-(\d+)-link (\d+) (\/nix\/store\/\S+)$/gm),
  ]
    .map(([, number, seconds, path = ""]) => ({
      ...{ number: Number(number), createdAtMs: Number(seconds) * 1000, path },
    }))
    .toSorted((a, b) => a.number - b.number);
  const lasting = Number(/^lasting system-(\d+)-link$/m.exec(text)?.[1]);
  return {
    generations,
    lasting: generations.find(({ number }) => number === lasting),
    running: /^running (\S+)$/m.exec(text)?.[1] ?? "",
    booted: /^booted (\S+)$/m.exec(text)?.[1] ?? "",
  };
}

/** What of a system only counts from the next start of the node: its kernel, the initrd, the modules. Empty: nothing. */
export async function startsAnew(
  shell: NodeShell,
  node: Node,
  system: string,
  signal: AbortSignal,
): Promise<{ readonly ok: true; readonly changed: readonly string[] } | ShellFailure> {
  const command = `for part in kernel initrd kernel-modules; do if [ "$(readlink ${shellWord(system)}/$part)" != "$(readlink /run/booted-system/$part)" ]; then echo "$part"; fi; done`;
  const answer = await shell.run(node, command, { timeoutMs }, signal);
  if (!answer.ok) return answer;
  return { ok: true, changed: answer.stdout.split("\n").filter((part) => part !== "") };
}

/** Makes a system the newest generation, the one that the node starts with; nothing when it is that already. */
export async function setProfile(
  shell: NodeShell,
  node: Node,
  system: string,
  signal: AbortSignal,
): Promise<ShellAnswer> {
  return await shell.run(
    node,
    `nix-env -p ${profile} --set ${shellWord(system)}`,
    { timeoutMs },
    signal,
  );
}

/** Makes a generation that exists the one that the node starts with; later ones stay in the list. */
export async function setGeneration(
  shell: NodeShell,
  node: Node,
  generation: number,
  signal: AbortSignal,
): Promise<ShellAnswer> {
  const command = `nix-env -p ${profile} --switch-generation ${generation}`;
  return await shell.run(node, command, { timeoutMs }, signal);
}

/** Which start of the node this is: another at each. */
export async function readBootId(
  shell: NodeShell,
  node: Node,
  signal: AbortSignal,
): Promise<{ readonly ok: true; readonly bootId: string } | ShellFailure> {
  const command = "cat /proc/sys/kernel/random/boot_id";
  const answer = await shell.run(node, command, { timeoutMs: 20_000 }, signal);
  return answer.ok ? { ok: true, bootId: answer.stdout.trim() } : answer;
}

/** Starts `SYSTEM/bin/switch-to-configuration ACTION` as the unit, which must be absent. */
export async function startActivation(
  shell: NodeShell,
  node: Node,
  unit: string,
  { system, action }: { readonly system: string; readonly action: ActivationAction },
  signal: AbortSignal,
): Promise<ShellAnswer> {
  const program = shellWord(`${system}/bin/switch-to-configuration`);
  const run = `systemd-run --quiet --no-ask-password --no-block --service-type=oneshot --remain-after-exit --unit=${shellWord(unit)}`;
  return await shell.run(node, `${run} -- ${program} ${action}`, { timeoutMs }, signal);
}

/** What has become of a unit that `startActivation` started. */
export async function lookAtActivation(
  shell: NodeShell,
  node: Node,
  unit: string,
  signal: AbortSignal,
): Promise<{ readonly ok: true; readonly state: UnitState } | ShellFailure> {
  const name = shellWord(unit);
  const command = `systemctl show -p LoadState -p ActiveState -p ExecMainStatus ${name} && if systemctl -q is-failed ${name}; then journalctl -u ${name} -n 5 -o cat --no-pager; fi`;
  const answer = await shell.run(node, command, { timeoutMs }, signal);
  return answer.ok ? { ok: true, state: parseUnit(answer.stdout) } : answer;
}

/** Reads what `systemctl show` says, and the unit's last lines behind it. */
export function parseUnit(text: string): UnitState {
  const value = (key: string) => new RegExp(`^${key}=(.*)$`, "m").exec(text)?.[1] ?? "";
  if (value("LoadState") === "not-found") return { kind: "absent" };
  switch (value("ActiveState")) {
    case "active":
      return { kind: "ended" };
    case "failed": {
      const said = text.split("\n").filter((line) => line !== "" && !/^[A-Za-z]+=/.test(line));
      const last = said.length === 0 ? "nothing in its journal" : said.slice(-3).join(" / ");
      return { kind: "failed", why: `exit code ${value("ExecMainStatus")}: ${last.slice(0, 500)}` };
    }
    // Inactive, too: it is queued, or on its way out of systemd's memory.
    default:
      return { kind: "running" };
  }
}

/** Ends what of these units still runs. */
export async function stopActivations(
  shell: NodeShell,
  node: Node,
  units: readonly string[],
  signal: AbortSignal,
): Promise<ShellAnswer> {
  const names = units.map(shellWord).join(" ");
  // A unit that was never started is no fault here.
  const command = `systemctl stop ${names} 2>/dev/null || true`;
  // systemd gives a unit 90 s before it kills it.
  return await shell.run(node, command, { timeoutMs: 120_000 }, signal);
}
