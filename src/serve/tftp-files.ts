// What TFTP gives for a name: loaders, images of the asset sets, and what is made for the machine that asks.

import type { Logger } from "pino";
import { type Gate, intentOf, permit, wrongAddress } from "../boot/access.ts";
import { AssetChangedError, type FoundFile, isUnchanged, openAsset } from "../boot/asset-file.ts";
import { type Assets, findSet } from "../boot/assets.ts";
import { decide } from "../boot/decide.ts";
import type { ImageCache } from "../boot/image-cache.ts";
import { createImageRefusal, type RefuseImage } from "../boot/image-refusal.ts";
import { keysArchive } from "../boot/keys-archive.ts";
import type { LoaderConfig, LoaderConfigs } from "../boot/loader-config.ts";
import { installNonce } from "../boot/nonce.ts";
import { parseVirtualFile, type VirtualFile } from "../boot/virtual-files.ts";
import type { BootPlaneDeps } from "../bootplane/deps.ts";
import type { Ipv4 } from "../net/ipv4.ts";
import type { Mac } from "../net/mac.ts";
import type { HeldFile } from "../tftp/server.ts";
import type { AddressHolders } from "./address-holders.ts";

export interface TftpFileTools
  extends Gate,
    Pick<BootPlaneDeps, "installerHostKey" | "authorizedKeys" | "onEvent"> {
  readonly assets: Pick<
    Assets,
    "current" | "recent" | "loader" | "plainFile" | "reload" | "reportDamage"
  >;
  readonly images: ImageCache;
  readonly configs: LoaderConfigs;
  readonly holders: Pick<AddressHolders, "find">;
  /** Where iPXE finds its first script. */
  readonly menuUrl: string;
  readonly logger: Logger;
}

/** The file of that cleaned name for the machine at `client`, or undefined when it has none. */
export type TftpFiles = (name: string, client: Ipv4) => Promise<HeldFile | undefined>;

type Named<Kind extends VirtualFile["kind"]> = Extract<VirtualFile, { kind: Kind }>;

export function createTftpFiles(tools: TftpFileTools): TftpFiles {
  const refuse = createImageRefusal({
    ...tools,
    onRefused: (refusal) => tools.onEvent({ kind: "image-refused", ...refusal }),
  });
  return async (name, client) => {
    const file = parseVirtualFile(name);
    if (file === undefined) return await plainFile(tools.assets, name);
    switch (file.kind) {
      case "image":
        return await imageOf(tools, refuse, file, client);
      case "keys":
        return held(await keysOf(tools, file, client));
      case "autoexec":
        return held(Buffer.from(tools.configs.autoexec(tools.menuUrl)));
      case "grub":
      case "pxelinux":
        return held(await configOf(tools, file, client));
    }
  };
}

function held(data: Buffer | undefined): HeldFile | undefined {
  return data && { data, release: () => undefined };
}

/** A loader or another file of the asset directory, as it is there now. */
async function plainFile(
  assets: TftpFileTools["assets"],
  name: string,
): Promise<HeldFile | undefined> {
  const loader = await assets.loader(name);
  if (loader !== undefined) return held(loader.data);
  const file = await assets.plainFile(name);
  return file && held(await readWhole(file));
}

/** Of the set that the machine's configuration was made for, also when another one has become active since. */
async function imageOf(
  { assets, images }: TftpFileTools,
  refuse: RefuseImage,
  { profile, version, file }: Named<"image">,
  client: Ipv4,
): Promise<HeldFile | undefined> {
  const set = findSet(assets.current(), profile, version);
  const image = file === set?.kernelName ? set.kernel : file === "initrd" ? set?.initrd : undefined;
  if (image === undefined) return undefined;
  try {
    return (await images.hold(image)) ?? held(await readWhole(image));
  } catch (error) {
    if (await refuse(client, { profile, file, image }, error)) return undefined;
    throw error;
  }
}

/** What the image cache has no room for, or does not keep. Rejects with AssetChangedError when it is not the file that was found. */
async function readWhole(file: FoundFile): Promise<Buffer> {
  const handle = await openAsset(file);
  try {
    const data = await handle.readFile();
    if (data.length === file.sizeBytes && (await isUnchanged(handle, file))) return data;
    throw new AssetChangedError(`${file.path} changed while it was read`);
  } finally {
    await handle.close();
  }
}

async function keysOf(
  tools: TftpFileTools,
  { mac, nonce }: Named<"keys">,
  client: Ipv4,
): Promise<Buffer | undefined> {
  const access = permit(tools, mac, client, nonce);
  if ("refused" in access) {
    const { refused: reason } = access;
    tools.onEvent({ kind: "boot-refused", mac, client, asked: "keys.cpio.gz", reason });
    return undefined;
  }
  const hostKey = await tools.installerHostKey(access.granted.operation);
  tools.onEvent({ kind: "keys-served", mac, client });
  return keysArchive(tools.authorizedKeys(), hostKey);
}

/** Always something to go on with: without a configuration GRUB waits at its prompt for ever. */
async function configOf(
  tools: TftpFileTools,
  { kind, mac: named }: Named<"grub" | "pxelinux">,
  client: Ipv4,
): Promise<Buffer> {
  const config = tools.configs[kind];
  const mac = tools.holders.find(client) ?? named;
  if (mac === undefined) return Buffer.from(config.unknown(client));
  const { plan, reason, text, refused } =
    named === undefined || named === mac
      ? await ownConfig(tools, config, mac, client)
      : localDisk(config, mac, `it asked for the configuration of ${named}`);
  tools.onEvent(
    refused === undefined
      ? { kind: "boot-script-served", mac, client, plan, reason }
      : { kind: "boot-refused", mac, client, asked: "configuration", reason: refused },
  );
  return Buffer.from(text);
}

interface Config {
  readonly plan: "installer" | "local-disk";
  readonly reason: string;
  readonly text: string;
  /** Why the machine's own one was not given. */
  readonly refused?: string;
}

function localDisk(config: LoaderConfig, mac: Mac, reason: string): Config {
  return { plan: "local-disk", reason, text: config.localDisk(mac, reason) };
}

async function ownConfig(
  tools: TftpFileTools,
  config: LoaderConfig,
  mac: Mac,
  client: Ipv4,
): Promise<Config> {
  const decision = decide(tools.subject(mac), tools.now());
  const { boot, reason } = decision;
  if (boot.kind === "local-disk") return localDisk(config, mac, reason);
  const standing = tools.addresses.standing(client, intentOf(decision));
  const wrong = wrongAddress({ mac, address: client, standing });
  if (wrong !== undefined)
    return { ...localDisk(config, mac, "an install is not given to this address"), refused: wrong };
  tools.addresses.bind(client, boot.intentId);
  const { node } = boot;
  // As it is on disk now, so that a newly deployed image is used by the next install.
  const set = (await tools.assets.recent()).sets.get(node.profile);
  const nonce = installNonce(tools.nonceKey, boot.intentId);
  if (set !== undefined)
    return { plan: "installer", reason, text: config.installer(node, set, nonce) };
  tools.logger.error({ mac, node: node.name, profile: node.profile }, "no asset set");
  const missing = `node ${node.name} is to be installed, but profile ${node.profile} has no usable asset set: see rackstrap check`;
  return localDisk(config, mac, missing);
}
