// A boot plane over a small asset directory, with one armed node, one active node and nobody else.

import { rmSync } from "node:fs";
import { pino } from "pino";
import type { Standing } from "../../src/boot/access.ts";
import { type Assets, createAssets } from "../../src/boot/assets.ts";
import { clusterConfig } from "../../src/boot/cluster-config.ts";
import type { Subject } from "../../src/boot/decide.ts";
import { createImageCache } from "../../src/boot/image-cache.ts";
import type { KeysLedger } from "../../src/boot/installer-keys.ts";
import { installNonce } from "../../src/boot/nonce.ts";
import { loadScripts } from "../../src/boot/script.ts";
import { type BootPlane, type BootPlaneLimits, createBootPlane } from "../../src/bootplane/app.ts";
import type {
  BootPlaneDeps,
  BootPlaneEvent,
  DiscoveryIntake,
  Services,
} from "../../src/bootplane/deps.ts";
import type { Node } from "../../src/inventory/schema.ts";
import type { Ipv4 } from "../../src/net/ipv4.ts";
import type { Mac } from "../../src/net/mac.ts";
import type { NodeRecord } from "../../src/nodes/ports.ts";
import { assetDirectory } from "./asset-directory.ts";

export const armedMac = "52:54:00:12:34:56" as Mac;
export const activeMac = "52:54:00:12:34:57" as Mac;
export const unknownMac = "52:54:00:12:34:99" as Mac;
/** The active node's other card. */
export const cardMac = "52:54:01:12:34:57" as Mac;
/** The active node's serial number. */
export const activeSerial = "SN-node02";
export const retiredMac = "52:54:00:12:34:aa" as Mac;
export const publicKey = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGrZ operator@example.com";

/** An unencrypted key's two halves, as far as the archive looks at them. */
export const hostKey = {
  privateKey: "the installer's private half\n",
  publicKey: "its public half\n",
};

const disk = "/dev/sda";
const layerPorts = {
  chainfire: { port: 2379, raftPort: 2380, gossipPort: 2381 },
  flaredb: { port: 2479, raftPort: 2480 },
};
const nonceKey = "a secret of the server";
export const armedNonce = installNonce(nonceKey, "intent-1");

function node(name: string, mac: Mac, profile: string): Node {
  const fqdn = `${name}.example.com`;
  const role = "control-plane";
  const productionAddress = "10.0.200.10" as Ipv4;
  // Only what the boot plane reads of a node.
  return {
    name,
    fqdn,
    mac,
    profile,
    role,
    kernelArguments: [],
    localBoot: "auto",
    productionAddress,
    disk: { path: disk },
    layout: { kind: "single" },
    protected: false,
  } as Partial<Node> as Node;
}

export interface TestBootPlane extends BootPlane {
  readonly directory: string;
  readonly assets: Assets;
  readonly events: BootPlaneEvent[];
  /** The scripts that nodes were given, as they are kept: `name: text`. */
  readonly served: string[];
  /** What DHCP knows of whoever asks: by default that it is the armed machine. */
  standing: Standing;
  /** Whether the armed machine's installer was found. */
  installerFound: boolean;
  /** What the discovery image was heard to say. */
  readonly reports: { address: string; mac: Mac }[];
  /** Whether machines in no inventory boot it. */
  discoveryAllowed: boolean;
  readonly logs: string[];
  readonly services: { dhcp: Services["dhcp"]; tftp: Services["tftp"]; http: Services["http"] };
  close(): Promise<void>;
}

/** The ledger of one install. */
export function memoryKeysLedger(isClosed: () => boolean): KeysLedger {
  const counts = { served: 0, refused: 0 };
  return { isClosed, note: (_operation, what) => ++counts[what] };
}

function intake(reports: TestBootPlane["reports"], allowed: () => boolean): DiscoveryIntake {
  return {
    allowed,
    ownerOf: ({ system }) => (system.serial === activeSerial ? "node02" : undefined),
    report: (address, { bootMac }) => void reports.push({ address, mac: bootMac }),
    waiting: (mac) => reports.some((report) => report.mac === mac),
  };
}

function stranger(mac: Mac): Subject {
  const discovery = { profile: "control-plane", unreportedBoots: 0 };
  return { mac, node: undefined, record: undefined, intent: undefined, discovery };
}

export async function testBootPlane(
  changes: Partial<BootPlaneDeps> = {},
  limits: Partial<BootPlaneLimits> = {},
  armedProfile = "control-plane",
): Promise<TestBootPlane> {
  const directory = assetDirectory();
  const assets = await createAssets(directory, { recentMs: 0 });
  const events: BootPlaneEvent[] = [];
  const served: string[] = [];
  const reports: TestBootPlane["reports"] = [];
  const plane: Pick<TestBootPlane, "standing" | "installerFound" | "discoveryAllowed"> = {
    discoveryAllowed: false,
    standing: { kind: "given", to: armedMac },
    installerFound: false,
  };
  const logs: string[] = [];
  const services: TestBootPlane["services"] = { dhcp: "running", tftp: "running", http: "running" };
  const nodes = new Map([
    [armedMac, node("node01", armedMac, armedProfile)],
    [activeMac, node("node02", activeMac, "control-plane")],
  ]);
  const armed = nodes.get(armedMac);
  const bootPlane = createBootPlane(
    {
      server: { address: "10.0.100.10" as Ipv4, baseUrl: "http://10.0.100.10:8080" },
      assets,
      images: createImageCache(64 * 1024 * 1024),
      downloadRate: () => undefined,
      scripts: loadScripts(new URL("../../templates", import.meta.url).pathname),
      subject: (mac) => {
        const found = nodes.get(mac);
        const state = mac === armedMac ? "armed" : "active";
        const record: NodeRecord | undefined = found && { name: found.name, state, sinceMs: 0 };
        const intent = {
          id: "intent-1",
          node: "node01",
          mac: armedMac,
          disk,
          operation: "operation-1",
          armedAtMs: 0,
          expiresAtMs: 2_000,
          consumedAtMs: undefined,
        };
        const cardOf = mac === cardMac ? nodes.get(activeMac) : undefined;
        if (cardOf !== undefined) return { ...stranger(mac), discovery: undefined, cardOf };
        if (mac === retiredMac)
          return { ...stranger(mac), discovery: undefined, retired: "node09, sold" };
        if (found === undefined && plane.discoveryAllowed) return stranger(mac);
        return { mac, node: found, record, intent: mac === armedMac ? intent : undefined };
      },
      addresses: { standing: () => plane.standing },
      nonceKey,
      keysLedger: memoryKeysLedger(() => plane.installerFound),
      installerHostKey: async (operation) => (operation === "operation-1" ? hostKey : undefined),
      onServed: ({ name }, _stage, text) => served.push(`${name}: ${text}`),
      authorizedKeys: () => publicKey,
      clusterConfig: (mac) =>
        mac === armedMac && armed !== undefined
          ? clusterConfig({
              node: armed,
              inventory: { cluster: { name: "prod-cluster" }, services: layerPorts },
              membership: { kind: "join", leader: "node02.example.com" },
            })
          : undefined,
      discovery: intake(reports, () => plane.discoveryAllowed),
      services: () => services,
      isInventoryRefused: () => false,
      trouble: () => (services.dhcp === "degraded" ? "the disk is full" : undefined),
      onEvent: (event) => events.push(event),
      now: () => 1_000,
      logger: pino({ level: "debug" }, { write: (line: string) => void logs.push(line) }),
      ...changes,
    },
    limits,
  );
  const close = async () => {
    await bootPlane.app.close();
    rmSync(directory, { recursive: true, force: true });
  };
  return Object.assign(plane, {
    ...{ ...bootPlane, directory, assets, events, served, reports, logs, services, close },
  });
}
