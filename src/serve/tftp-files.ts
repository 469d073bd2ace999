// What TFTP gives for a name: loaders, images of the asset sets, and configuration rendered for the machine that asks.

import type { Logger } from "pino";
import type { AssetFile } from "../boot/asset-file.ts";
import type { Assets } from "../boot/assets.ts";
import { decide, type Subject } from "../boot/decide.ts";
import { keysArchive } from "../boot/keys-archive.ts";
import type { LoaderConfigs } from "../boot/loader-config.ts";
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

/** Undefined, and so the next name that the loader tries, where nobody knows which machine asks. */
async function configOf(
  tools: TftpFileTools,
  { kind, mac: named }: Extract<VirtualFile, { kind: "grub" | "pxelinux" }>,
  client: Ipv4,
): Promise<Buffer | undefined> {
  const { configs, holders, subject, assets, now, onConfig, logger } = tools;
  const holder = holders.find(client);
  const mac = named ?? holder;
  if (mac === undefined) return undefined;
  if (holder !== undefined && holder !== mac) {
    logger.warn({ client, holder, mac }, "a machine asked for another machine's configuration");
    return undefined;
  }
  const { boot, reason } = decide(subject(mac), now());
  const serve = (plan: ConfigServed["plan"], why: string, text: string) => {
    onConfig({ mac, client, plan, reason: why });
    return Buffer.from(text);
  };
  if (boot.kind === "local-disk")
    return serve("local-disk", reason, configs[kind].localDisk(mac, reason));
  const { node } = boot;
  // As it is on disk now, so that a newly deployed image is used by the next install.
  const set = (await assets.reload()).sets.get(node.profile);
  if (set !== undefined) return serve("installer", reason, configs[kind].installer(node, set));
  const missing = `node ${node.name} is to be installed, but profile ${node.profile} has no usable asset set: see rackstrap check`;
  logger.error({ mac, node: node.name, profile: node.profile }, "no asset set");
  return serve("local-disk", missing, configs[kind].localDisk(mac, missing));
}
