// What one machine would be given, asked by machines on the boot plane and by people through `rackstrap render`.

import type { Assets } from "../boot/assets.ts";
import type { ClusterConfig } from "../boot/cluster-config.ts";
import { decide, type Subject } from "../boot/decide.ts";
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
  /** The text of a stage for `node` as it stands now; undefined for an unknown stage. */
  render(node: Node, stage: string): string | undefined;
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
  const installer = (node: Node): string => {
    const set = assets.current().sets.get(node.profile);
    return set === undefined
      ? scripts.localDisk(`profile ${node.profile} has no usable asset set`)
      : scripts.installer(serverFor(node), node, set);
  };
  const own = (node: Node): string => {
    const { boot, reason } = decide(subject(node.mac), tools.now());
    return boot.kind === "installer" ? installer(node) : scripts.localDisk(reason);
  };
  const document = (node: Node) =>
    publishedConfig({ inventory, operations: store.operations, clusters: store.clusters }, node);

  const stages: Readonly<Record<string, (node: Node) => string>> = {
    menu: (node) => scripts.menu(serverFor(node)),
    boot: own,
    installer,
    "cluster-config": (node) => `${JSON.stringify(document(node), null, 2)}\n`,
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
    render: (node, stage) => (Object.hasOwn(stages, stage) ? stages[stage]?.(node) : undefined),
  };
}
