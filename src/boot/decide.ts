// The one place that says what a machine boots. DHCP, TFTP and HTTP all ask it, so that the
// guard against an accidental reinstall cannot be missed on one of the routes.

import { formatDisks } from "../inventory/disk.ts";
import type { Node } from "../inventory/schema.ts";
import type { Mac } from "../net/mac.ts";
import type { InstallIntent, NodeRecord } from "../nodes/ports.ts";

export type BootPlan =
  | {
      readonly kind: "installer";
      readonly node: Node;
      readonly intentId: string;
      /** The operation that armed it. */
      readonly operation: string;
    }
  /** The image that looks at the machine and writes nothing to it; `profile` is its asset set. */
  | { readonly kind: "discovery"; readonly profile: string }
  | { readonly kind: "local-disk" };

/** What to boot, and the sentence that says why. */
export interface Decision {
  readonly boot: BootPlan;
  readonly reason: string;
}

/** What is known about the machine that asks. `node` is undefined for a MAC in no inventory. */
export interface Subject {
  readonly mac: Mac;
  readonly node: Node | undefined;
  readonly record: NodeRecord | undefined;
  readonly intent: InstallIntent | undefined;
  /** What the site allows machines in no inventory; undefined where it allows nothing, and for declared ones. */
  readonly discovery?: DiscoveryRight | undefined;
  /** The declared node whose card this is, where the node boots by another. */
  readonly cardOf?: Node | undefined;
  /** What a retired machine was. */
  readonly retired?: string | undefined;
}

export interface DiscoveryRight {
  /** The asset set of the image. */
  readonly profile: string;
  /** How often the machine was given it within an hour without a report from it since. */
  readonly unreportedBoots: number;
}

/** A machine that boots the image again and again and says nothing is left to its disk. */
const mostUnreportedBoots = 3;

/** Decides what `subject` boots at `nowMs`. Everything that is not an armed, unused, unexpired intent for this MAC boots its own disk. */
export function decide(subject: Subject, nowMs: number): Decision {
  const { mac, node, record, intent } = subject;
  if (node === undefined) return decideForStranger(subject);
  if (record === undefined) return localDisk(stranger(mac));
  if (node.protected)
    return localDisk(`node ${node.name} is protected: it is never installed over`);
  if (record.state !== "armed") return localDisk(`node ${node.name} is ${record.state}, not armed`);
  if (intent === undefined) return localDisk(`node ${node.name} has no install intent`);
  if (intent.mac !== mac)
    return localDisk(`node ${node.name} was armed for ${intent.mac}, and ${mac} asks`);
  if (intent.disk !== formatDisks(node))
    return localDisk(
      `node ${node.name} was armed for ${intent.disk}, and the inventory now names ${formatDisks(node)}`,
    );
  if (intent.consumedAtMs !== undefined)
    return localDisk(`the install intent of node ${node.name} is used up`);
  if (intent.expiresAtMs <= nowMs)
    return localDisk(
      `the install intent of node ${node.name} ran out at ${new Date(intent.expiresAtMs).toISOString()}`,
    );
  return {
    boot: { kind: "installer", node, intentId: intent.id, operation: intent.operation },
    reason: `node ${node.name} is armed for an install on ${intent.disk}`,
  };
}

/** Nothing that installs is among the answers. */
function decideForStranger({ mac, discovery, cardOf, retired }: Subject): Decision {
  if (retired !== undefined) return localDisk(`${mac} is retired: ${retired}`);
  // A node that comes by its other card has its system on its disk.
  if (cardOf !== undefined)
    return localDisk(
      `${mac} is a card of node ${cardOf.name}, which is installed by its card ${cardOf.mac} alone`,
    );
  if (discovery === undefined) return localDisk(stranger(mac));
  const { profile, unreportedBoots } = discovery;
  if (unreportedBoots >= mostUnreportedBoots)
    return localDisk(
      `${mac} is in no inventory, and has booted the discovery image ${unreportedBoots} times within an hour without a report`,
    );
  return {
    boot: { kind: "discovery", profile },
    reason: `${mac} is in no inventory: it boots the discovery image, which writes nothing`,
  };
}

function stranger(mac: Mac): string {
  return `${mac} is in no inventory: it gets an address and nothing to install`;
}

function localDisk(reason: string): Decision {
  return { boot: { kind: "local-disk" }, reason };
}
