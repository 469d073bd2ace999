// What one machine would be given, asked by machines on the boot plane and by people through `rackstrap render`.

import type { Assets } from "../boot/assets.ts";
import type { ClusterConfig } from "../boot/cluster-config.ts";
import { decide, type Subject } from "../boot/decide.ts";
import {
  localDisk,
  type MachineScript,
  machineScript,
  menuScript,
} from "../boot/machine-script.ts";
import { shownNonce } from "../boot/nonce.ts";
import type { BootScripts, BootServer } from "../boot/script.ts";
import { findNodeByMac } from "../inventory/find.ts";
import { serverAddressFor } from "../inventory/networks.ts";
import type { Inventory, Node } from "../inventory/schema.ts";
import type { Ipv4 } from "../net/ipv4.ts";
import type { Mac } from "../net/mac.ts";
import { publishedConfig } from "../operations/published-config.ts";
import type { Store } from "../store/store.ts";

export interface Rendering {
  readonly scripts: BootScripts;
  readonly stages: readonly string[];
  /** This server as machines see it that come to one of its addresses. */
  serverAt(address: Ipv4): BootServer;
  subject(mac: Mac): Subject;
  clusterConfig(mac: Mac): ClusterConfig | undefined;
  /** The text of a stage for `node` as it stands now, its nonce not shown; undefined for an unknown stage. */
  render(node: Node, stage: string): string | undefined;
  /** What keeps `node` from getting its scripts: a template of the site. Sentences. */
  scriptFaults(node: Node): readonly string[];
  /** The same for the first script; at most one. */
  menuFault(): readonly string[];
}

export interface RenderingTools {
  readonly inventory: Inventory;
  readonly store: Store;
  readonly assets: Assets;
  readonly scripts: BootScripts;
  readonly now: () => number;
}

export function createRendering(tools: RenderingTools): Rendering {
  const { inventory, store, scripts, assets } = tools;
  const serverAt = (address: Ipv4): BootServer => ({
    address,
    baseUrl: `http://${address}:${inventory.server.httpPort}`,
  });
  const serverFor = ({ provisioningAddress }: Node) =>
    serverAt(serverAddressFor(inventory, provisioningAddress));

  const subject = (mac: Mac): Subject => {
    const node = findNodeByMac(inventory, mac);
    if (node === undefined) return { mac, node, record: undefined, intent: undefined };
    return {
      mac,
      node,
      record: store.nodes.node(node.name),
      intent: store.nodes.intent(node.name),
    };
  };
  const installerScript = (node: Node): MachineScript => {
    const tools = {
      scripts,
      server: serverFor(node),
      set: (profile: string) => assets.current().sets.get(profile),
      nonce: () => shownNonce,
    };
    const boot = { kind: "installer" as const, node, intentId: "", operation: "" };
    return machineScript(tools, node, { boot, reason: "" });
  };
  const own = (node: Node): string => {
    const { boot, reason } = decide(subject(node.mac), tools.now());
    return boot.kind === "installer"
      ? installerScript(node).text
      : localDisk(scripts, node, reason).text;
  };
  const document = (node: Node) =>
    publishedConfig({ inventory, operations: store.operations, clusters: store.clusters }, node);

  const stages: Readonly<Record<string, (node: Node) => string>> = {
    menu: (node) => menuScript(scripts, serverFor(node)).text,
    boot: own,
    installer: (node) => installerScript(node).text,
    "cluster-config": (node) => {
      const config = document(node);
      return config === undefined
        ? `none: no node can form the cluster; give one a profile with the role control-plane or all-in-one\n`
        : `${JSON.stringify(config, null, 2)}\n`;
    },
  };
  return {
    scripts,
    serverAt,
    subject,
    stages: Object.keys(stages),
    clusterConfig: (mac) => {
      const node = findNodeByMac(inventory, mac);
      return node && document(node);
    },
    scriptFaults: (node) => {
      // A set that is missing is found with the assets.
      const hasSet = assets.current().sets.has(node.profile);
      const made = [
        localDisk(scripts, node, "a check"),
        ...(hasSet ? [installerScript(node)] : []),
      ];
      return [...new Set(made.flatMap(({ fault }) => fault ?? []))];
    },
    menuFault: () => {
      const { fault } = menuScript(scripts, serverAt(inventory.server.address));
      return fault === undefined ? [] : [fault];
    },
    render: (node, stage) => (Object.hasOwn(stages, stage) ? stages[stage]?.(node) : undefined),
  };
}
