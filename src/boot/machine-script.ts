// What one machine is given to run, by HTTP and by TFTP alike, as the decision, the address it asks from, the images and the
// templates stand. Whatever is not right with them sends it to its own disk: what can't be booted must not be half booted.

import { messageOf } from "../net/error-text.ts";
import type { Ipv4 } from "../net/ipv4.ts";
import type { Mac } from "../net/mac.ts";
import { type Gate, wrongAddress } from "./access.ts";
import type { AssetSet, Assets } from "./assets.ts";
import { type BootPlan, type Decision, decide } from "./decide.ts";
import type { BootServer, Machine, MachineTexts } from "./machine-texts.ts";
import { installNonce, shownNonce } from "./nonce.ts";
import type { BootScripts } from "./script.ts";

export interface MachineScript {
  readonly text: string;
  /** The text as it may be shown and kept: without the nonce. */
  readonly shown: string;
  readonly plan: BootPlan["kind"];
  readonly reason: string;
  /** What an operator has to mend, where the machine did not get what was decided. */
  readonly fault?: string;
}

/** What was given to whoever asked at an address in the name of a machine. */
export interface GivenScript extends MachineScript {
  readonly machine: Machine & { readonly mac: Mac };
  /** Whether it was asked for from the machine's own address. */
  readonly isOwn: boolean;
  /** Why it was not given an installer that the machine itself would have got. */
  readonly refused?: string;
}

export interface ScriptTools {
  readonly texts: MachineTexts;
  readonly server: BootServer;
  /** The usable asset set of a profile. */
  readonly set: (profile: string) => AssetSet | undefined;
  readonly nonce: (intentId: string) => string;
}

export interface GivingTools extends Gate {
  readonly server: BootServer;
  readonly assets: Pick<Assets, "recent">;
}

/** What is said to whoever asks in the name of another machine, by what that one would get. */
const notYours = {
  installer: "an install is not given to this address",
  discovery: "the discovery image is not given to this address",
} as const;

/** What `address` gets that asks in the name of `mac`. Never rejects for a template or an image. */
export async function giveScript(
  tools: GivingTools,
  texts: MachineTexts,
  mac: Mac,
  address: Ipv4,
): Promise<GivenScript> {
  const subject = tools.subject(mac);
  const { node } = subject;
  const decision = decide(subject, tools.now());
  const standing = tools.addresses.standing(address);
  const refused = wrongAddress({ mac, address, standing });
  const machine = { mac, node };
  const given = { machine, isOwn: refused === undefined };
  if (decision.boot.kind === "local-disk")
    return { ...given, ...localDisk(texts, machine, decision.reason) };
  if (refused !== undefined)
    return { ...given, ...localDisk(texts, machine, notYours[decision.boot.kind]), refused };
  // The sets as they are on disk now, so that a newly deployed image is used by the next install.
  const { sets } = await tools.assets.recent();
  const scriptTools = {
    ...{ texts, server: tools.server, set: (profile: string) => sets.get(profile) },
    nonce: (intentId: string) => installNonce(tools.nonceKey, intentId),
  };
  return { ...given, ...machineScript(scriptTools, machine, decision) };
}

/** The script of `machine` by that decision. Never throws for a template or an image. */
export function machineScript(
  tools: ScriptTools,
  machine: Machine,
  { boot, reason }: Decision,
): MachineScript {
  if (boot.kind === "local-disk") return localDisk(tools.texts, machine, reason);
  if (boot.kind === "discovery") return discoveryScript(tools, machine, boot.profile, reason);
  const set = tools.set(boot.node.profile);
  if (set === undefined) {
    const fault = `node ${boot.node.name} is to be installed, but profile ${boot.node.profile} has no usable asset set: see rackstrap check`;
    return { ...localDisk(tools.texts, machine, fault), fault };
  }
  const nonce = tools.nonce(boot.intentId);
  try {
    const text = tools.texts.installer(tools.server, boot.node, set, nonce);
    return { text, shown: text.replaceAll(nonce, shownNonce), plan: "installer", reason };
  } catch (error) {
    const fault = `node ${boot.node.name} is to be installed, and its script can't be made: ${messageOf(error).replaceAll(nonce, shownNonce)}`;
    return { ...localDisk(tools.texts, machine, fault), fault };
  }
}

function discoveryScript(
  { texts, server, set: findSet }: ScriptTools,
  machine: Machine,
  profile: string,
  reason: string,
): MachineScript {
  const { mac } = machine;
  const set = findSet(profile);
  if (mac === undefined || set === undefined) {
    const fault = `the discovery image ${profile} has no usable asset set: see rackstrap check`;
    return { ...localDisk(texts, machine, fault), fault };
  }
  try {
    const text = texts.discovery(server, mac, set);
    return { text, shown: text, plan: "discovery", reason };
  } catch (error) {
    const fault = `the script of the discovery image can't be made: ${messageOf(error)}`;
    return { ...localDisk(texts, machine, fault), fault };
  }
}

/** A script that all machines run alike: the first one, or the one beside an iPXE that came over TFTP. */
export function commonScript(
  scripts: BootScripts,
  name: "menu" | "autoexec",
  server: BootServer,
): Pick<MachineScript, "text" | "fault"> {
  try {
    return { text: scripts[name](server) };
  } catch (error) {
    const fault = messageOf(error);
    return { text: scripts.plain({ mac: undefined, node: undefined }, fault), fault };
  }
}

/** The script that boots the disk of `machine`, saying `reason`. */
export function localDisk(texts: MachineTexts, machine: Machine, reason: string): MachineScript {
  const script = (text: string) => ({ text, shown: text, plan: "local-disk" as const, reason });
  try {
    return script(texts.localDisk(machine, reason));
  } catch (error) {
    return { ...script(texts.plain(machine, reason)), fault: messageOf(error) };
  }
}
