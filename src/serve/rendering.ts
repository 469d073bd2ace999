// What one machine would be given, asked by machines on the boot plane and by people through `rackstrap render`.

import type { Assets } from "../boot/assets.ts";
import type { ClusterConfig } from "../boot/cluster-config.ts";
import { decide, type Subject } from "../boot/decide.ts";
import type { DiscoveryBoots } from "../boot/discovery-boots.ts";
import type { LoaderConfigs } from "../boot/loader-config.ts";
import {
  commonScript,
  localDisk,
  type MachineScript,
  machineScript,
} from "../boot/machine-script.ts";
import type { BootServer, MachineTexts } from "../boot/machine-texts.ts";
import { shownNonce } from "../boot/nonce.ts";
import type { BootScripts } from "../boot/script.ts";
import { findNodeByMac } from "../inventory/find.ts";
import type { LiveInventory } from "../inventory/live.ts";
import { serverAddressFor } from "../inventory/networks.ts";
import type { Node } from "../inventory/schema.ts";
import { messageOf } from "../net/error-text.ts";
import type { Ipv4 } from "../net/ipv4.ts";
import type { Mac } from "../net/mac.ts";
import { publishedConfig } from "../operations/published-config.ts";
import type { Store } from "../store/store.ts";
import { createSubjects } from "./subjects.ts";

export interface Rendering {
  readonly scripts: BootScripts;
  readonly configs: LoaderConfigs;
  readonly stages: readonly string[];
  /** This server as machines see it that come to one of its addresses. */
  serverAt(address: Ipv4): BootServer;
  subject(mac: Mac): Subject;
  clusterConfig(mac: Mac): ClusterConfig | undefined;
  /** The text of a stage for `node` as it stands now, its nonce not shown; undefined for an unknown stage. */
  render(node: Node, stage: string): string | undefined;
  /** What keeps `node` from getting its scripts: a template of the site. Sentences. */
  scriptFaults(node: Node): readonly string[];
  /** The same for the texts that are not made for one node. */
  commonFaults(): readonly string[];
}

export interface RenderingTools {
  readonly inventory: LiveInventory;
  readonly store: Store;
  readonly assets: Assets;
  readonly scripts: BootScripts;
  readonly configs: LoaderConfigs;
  readonly discoveryBoots: Pick<DiscoveryBoots, "unreported">;
  readonly now: () => number;
}

export function createRendering(tools: RenderingTools): Rendering {
  const { inventory, store, scripts, configs, assets } = tools;
  const serverAt = (address: Ipv4): BootServer => ({
    address,
    baseUrl: `http://${address}:${inventory().server.httpPort}`,
  });
  const serverFor = ({ provisioningAddress }: Node) =>
    serverAt(serverAddressFor(inventory(), provisioningAddress));

  const subject = createSubjects(tools);
  const installerScript = (texts: MachineTexts, node: Node): MachineScript => {
    const tools = {
      ...{ texts, server: serverFor(node), nonce: () => shownNonce },
      set: (profile: string) => assets.current().sets.get(profile),
    };
    const boot = { kind: "installer" as const, node, intentId: "", operation: "" };
    return machineScript(tools, { mac: node.mac, node }, { boot, reason: "" });
  };
  const diskScript = (texts: MachineTexts, node: Node, reason: string) =>
    localDisk(texts, { mac: node.mac, node }, reason);
  const own = (texts: MachineTexts) => (node: Node) => {
    const { boot, reason } = decide(subject(node.mac), tools.now());
    return boot.kind === "installer"
      ? installerScript(texts, node).text
      : diskScript(texts, node, reason).text;
  };
  const installer = (texts: MachineTexts) => (node: Node) => installerScript(texts, node).text;
  const document = (node: Node) => publishedConfig({ ...store, inventory: inventory() }, node);

  const discoveryFaults = (server: BootServer) => {
    const set = assets.current().sets.get(inventory().discovery.profile);
    const texts = set === undefined ? [] : [scripts, configs.grub, configs.pxelinux];
    const mac = "52:54:00:00:00:01" as Mac;
    return texts.flatMap((each) => faultOf(() => set && each.discovery(server, mac, set)));
  };

  const stages: Readonly<Record<string, (node: Node) => string>> = {
    menu: (node) => commonScript(scripts, "menu", serverFor(node)).text,
    autoexec: (node) => commonScript(scripts, "autoexec", serverFor(node)).text,
    boot: own(scripts),
    installer: installer(scripts),
    grub: own(configs.grub),
    "grub-installer": installer(configs.grub),
    pxelinux: own(configs.pxelinux),
    "pxelinux-installer": installer(configs.pxelinux),
    "cluster-config": (node) => {
      const config = document(node);
      return config === undefined
        ? `none: no node can form the cluster; give one a profile with the role control-plane or all-in-one\n`
        : `${JSON.stringify(config, null, 2)}\n`;
    },
  };
  return {
    ...{ scripts, configs, serverAt, subject },
    stages: Object.keys(stages),
    clusterConfig: (mac) => {
      const node = findNodeByMac(inventory(), mac);
      return node && document(node);
    },
    scriptFaults: (node) => {
      // A set that is missing is found with the assets.
      const hasSet = assets.current().sets.has(node.profile);
      const made = [scripts, configs.grub, configs.pxelinux].flatMap((texts) => [
        diskScript(texts, node, "a check"),
        ...(hasSet ? [installerScript(texts, node)] : []),
      ]);
      return [...new Set(made.flatMap(({ fault }) => fault ?? []))];
    },
    commonFaults: () => {
      const { address } = inventory().server;
      const server = serverAt(address);
      return [
        ...(["menu", "autoexec"] as const).flatMap(
          (name) => commonScript(scripts, name, server).fault ?? [],
        ),
        ...faultOf(() => configs.grub.unknown(address)),
        ...discoveryFaults(server),
      ];
    },
    render: (node, stage) => (Object.hasOwn(stages, stage) ? stages[stage]?.(node) : undefined),
  };
}

function faultOf(make: () => unknown): string[] {
  try {
    make();
    return [];
  } catch (error) {
    return [messageOf(error)];
  }
}
