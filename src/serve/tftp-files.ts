// What TFTP gives for a name: loaders, images of the asset sets, and configuration rendered for the machine that asks.

import type { Logger } from "pino";
import type { AssetFile } from "../boot/asset-file.ts";
import type { Assets } from "../boot/assets.ts";
import { decide, type Subject } from "../boot/decide.ts";
import { keysArchive } from "../boot/keys-archive.ts";
import type { LoaderConfig, LoaderConfigs } from "../boot/loader-config.ts";
import { parseVirtualFile, type VirtualFile } from "../boot/virtual-files.ts";
import type { Ipv4 } from "../net/ipv4.ts";
import type { Mac } from "../net/mac.ts";
import type { AddressHolders } from "./address-holders.ts";

/** A machine fetched its configuration. It then boots as the plan says, unless it is switched off. */
export interface ConfigServed {
  readonly mac: Mac;
  readonly client: Ipv4;
  readonly plan: "installer" | "local-disk";
  readonly reason: string;
}

export interface TftpFileTools {
  readonly assets: Assets;
  readonly configs: LoaderConfigs;
  readonly holders: Pick<AddressHolders, "find">;
  readonly subject: (mac: Mac) => Subject;
  /** Where iPXE finds its first script. */
  readonly menuUrl: string;
  readonly authorizedKeys: string;
  readonly readImage: (image: AssetFile) => Promise<Buffer>;
  readonly onConfig: (served: ConfigServed) => void;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  readonly logger: Logger;
}

/** The file of that cleaned name for the machine at `client`, or undefined when it has none. */
export type TftpFiles = (name: string, client: Ipv4) => Promise<Buffer | undefined>;

export function createTftpFiles(tools: TftpFileTools): TftpFiles {
  return async (name, client) => {
    const file = parseVirtualFile(name);
    if (file === undefined) return tools.assets.current().loaders.get(name)?.data;
    if (file.kind === "image") return await imageOf(tools, file);
    if (file.kind === "keys") return keysArchive(tools.authorizedKeys);
    if (file.kind === "autoexec") return Buffer.from(tools.configs.autoexec(tools.menuUrl));
    return await configOf(tools, file, client);
  };
}

async function imageOf(
  { assets, readImage }: TftpFileTools,
  { profile, version, file }: Extract<VirtualFile, { kind: "image" }>,
): Promise<Buffer | undefined> {
  const set = assets.current().sets.get(profile);
  // A configuration made for another set must not be completed with this one.
  if (set === undefined || set.version !== version) return undefined;
  if (file === set.kernelName) return await readImage(set.kernel);
  return file === "initrd" ? await readImage(set.initrd) : undefined;
}

/** Always something to go on with: without a configuration GRUB waits at its prompt for ever. */
async function configOf(
  tools: TftpFileTools,
  { kind, mac: named }: Extract<VirtualFile, { kind: "grub" | "pxelinux" }>,
  client: Ipv4,
): Promise<Buffer> {
  const { holders, configs, onConfig } = tools;
  const config = configs[kind];
  const holder = holders.find(client);
  const mac = holder ?? named;
  if (mac === undefined) return Buffer.from(config.unknown(client));
  const { plan, reason, text } =
    named === undefined || named === mac
      ? await ownConfig(tools, config, mac)
      : localDisk(config, mac, `it asked for the configuration of ${named}`);
  onConfig({ mac, client, plan, reason });
  return Buffer.from(text);
}

interface Config extends Pick<ConfigServed, "plan" | "reason"> {
  readonly text: string;
}

function localDisk(config: LoaderConfig, mac: Mac, reason: string): Config {
  return { plan: "local-disk", reason, text: config.localDisk(mac, reason) };
}

async function ownConfig(
  { subject, assets, now, logger }: TftpFileTools,
  config: LoaderConfig,
  mac: Mac,
): Promise<Config> {
  const { boot, reason } = decide(subject(mac), now());
  if (boot.kind === "local-disk") return localDisk(config, mac, reason);
  const { node } = boot;
  // As it is on disk now, so that a newly deployed image is used by the next install.
  const set = (await assets.reload()).sets.get(node.profile);
  if (set !== undefined) return { plan: "installer", reason, text: config.installer(node, set) };
  logger.error({ mac, node: node.name, profile: node.profile }, "no asset set");
  const missing = `node ${node.name} is to be installed, but profile ${node.profile} has no usable asset set: see rackstrap check`;
  return localDisk(config, mac, missing);
}
