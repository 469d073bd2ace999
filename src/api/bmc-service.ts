// Answers what the API is asked about BMCs themselves. A network stands for the BMCs that the inventory declares in it, and never
// for whoever else has an address there.

import {
  type Bmc,
  BmcError,
  type BootOverride,
  type LogEntry,
  type SensorReading,
  type VirtualMedia,
} from "../bmc/bmc.ts";
import type { BmcProbe } from "../bmc/probe.ts";
import { createSlots } from "../bmc/slots.ts";
import type { Inventory, Node } from "../inventory/schema.ts";
import { nameSecret } from "../inventory/secret-schema.ts";
import { cidrContains, parseCidr } from "../net/cidr.ts";
import type { Secret } from "../net/secret.ts";
import type { NodeStore } from "../nodes/ports.ts";
import type {
  BmcView,
  BootRequest,
  PasswordChanged,
  ProbeRequest,
  ProbeView,
} from "./bmc-shapes.ts";
import { Refusal } from "./service.ts";

/** Each method may throw a BmcError. */
export interface BmcService {
  bmc(node: string): Promise<BmcView>;
  bmcSensors(node: string): Promise<readonly SensorReading[]>;
  /** The BMC's own event log, oldest first. */
  bmcEvents(node: string): Promise<readonly LogEntry[]>;
  clearBmcEvents(node: string): Promise<void>;
  identify(node: string, seconds: number): Promise<void>;
  /** What the machine boots in place of its own order. */
  bmcBoot(node: string): Promise<BootOverride>;
  /** Gives what the BMC kept. */
  setBmcBoot(node: string, request: BootRequest): Promise<BootOverride>;
  /** URL of the image in the virtual CD drive. */
  bmcMedia(node: string): Promise<string | undefined>;
  setBmcMedia(node: string, image: string | undefined): Promise<void>;
  /** Of the user that the inventory names. */
  setBmcPassword(node: string, password: Secret): Promise<PasswordChanged>;
  /** By node. A BMC that is away or refuses is a result, and no error. */
  probeBmcs(request: ProbeRequest): Promise<readonly ProbeView[]>;
}

export interface BmcTools {
  readonly inventory: () => Pick<Inventory, "nodes">;
  readonly nodes: Pick<NodeStore, "append">;
  readonly bmc: (node: Node) => Bmc;
  readonly probe: (node: Node, tryDefaults: boolean, signal: AbortSignal) => Promise<BmcProbe>;
  /** The node of that name; throws a Refusal. */
  readonly declared: (name: string) => Node;
}

// Each waits for its own BMC most of the time.
const probesAtATime = 64;

export function createBmcService(tools: BmcTools): BmcService {
  const { declared, nodes } = tools;
  const bmcOf = (name: string) => tools.bmc(declared(name));
  const record = (name: string, kind: string, detail: Readonly<Record<string, unknown>> = {}) =>
    nodes.append({ node: declared(name).name, mac: undefined, kind, detail });
  return {
    bmc: async (name) => {
      const node = declared(name);
      const bmc = tools.bmc(node);
      const description = await bmc.describe();
      const firmware = await bmc.firmwareVersions().catch(noneIfUnsupported);
      return { node: node.name, address: node.bmc.address, description, firmware };
    },
    bmcSensors: async (name) => await bmcOf(name).sensors(),
    bmcEvents: async (name) => await bmcOf(name).events(),
    clearBmcEvents: async (name) => {
      await bmcOf(name).clearEvents();
      record(name, "bmc-events-cleared");
    },
    identify: async (name, seconds) => {
      await bmcOf(name).identify(seconds);
      record(name, "bmc-identified", { seconds });
    },
    bmcBoot: async (name) => await bmcOf(name).bootOverride(),
    setBmcBoot: async (name, { device, persistent, uefi }) => {
      const node = declared(name);
      const wanted = { device, persistent, uefi: uefi ?? node.firmware === "uefi" };
      const kept = await tools.bmc(node).setBootOverride(wanted);
      record(name, "bmc-boot-set", { ...kept });
      return kept;
    },
    bmcMedia: async (name) => await mediaOf(bmcOf(name), name).inserted(),
    setBmcMedia: async (name, image) => {
      const media = mediaOf(bmcOf(name), name);
      if (image === undefined) await media.eject();
      else await media.insert(image);
      record(name, "bmc-media-set", { image });
    },
    setBmcPassword: async (name, password) => {
      const node = declared(name);
      const { user, password: reference } = node.bmc;
      await tools.bmc(node).setPassword(password);
      record(name, "bmc-password-changed", { user });
      return { node: node.name, user, reference: nameSecret(reference) };
    },
    probeBmcs: async ({ target, tryDefaults }) => {
      const chosen = choose(tools, target);
      const { signal } = new AbortController();
      const slots = createSlots(() => probesAtATime);
      const probe = async (node: Node) => ({
        node: node.name,
        ...(await tools.probe(node, tryDefaults, signal)),
      });
      return await Promise.all(chosen.map((node) => slots(() => probe(node), signal)));
    },
  };
}

function mediaOf({ virtualMedia }: Bmc, name: string): VirtualMedia {
  if (virtualMedia !== undefined) return virtualMedia;
  throw new Refusal(
    "conflict",
    `the BMC of node ${name} is driven without virtual media`,
    `set kind: redfish in nodes.${name}.bmc if it has Redfish`,
  );
}

function noneIfUnsupported(error: unknown): readonly never[] {
  if (error instanceof BmcError && error.kind === "unsupported") return [];
  throw error;
}

function choose({ inventory, declared }: BmcTools, target: string): readonly Node[] {
  if (!target.includes("/")) return [declared(target)];
  const network = parseCidr(target);
  if (network === undefined)
    throw new Refusal("unknown", `${target} is no network`, "write it like 10.0.10.0/24");
  const { nodes } = inventory();
  const chosen = nodes.filter(({ bmc }) => cidrContains(network, bmc.address));
  if (chosen.length > 0) return chosen;
  const addresses = nodes.map(({ bmc }) => bmc.address).join(", ");
  throw new Refusal(
    "unknown",
    `the inventory declares no BMC in ${target}, and others are not asked`,
    `declared are: ${addresses}`,
  );
}
