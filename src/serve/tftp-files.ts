// What TFTP gives for a name: loaders, images of the asset sets, and what is made for the machine that asks.

import type { Logger } from "pino";
import { type Assets, findSet } from "../boot/assets.ts";
import type { ImageCache } from "../boot/image-cache.ts";
import { createImageRefusal, type RefuseImage } from "../boot/image-refusal.ts";
import { giveKeys, type KeyTools } from "../boot/installer-keys.ts";
import type { LoaderConfig, LoaderConfigs } from "../boot/loader-config.ts";
import { commonScript, type GivenScript, giveScript, localDisk } from "../boot/machine-script.ts";
import type { BootServer } from "../boot/machine-texts.ts";
import type { BootScripts } from "../boot/script.ts";
import { parseVirtualFile, type VirtualFile } from "../boot/virtual-files.ts";
import type { BootPlaneDeps } from "../bootplane/deps.ts";
import { createFaultLog, type FaultLog } from "../bootplane/fault-log.ts";
import { reportKeys } from "../bootplane/machine-routes.ts";
import { reportScript } from "../bootplane/script-routes.ts";
import { messageOf } from "../net/error-text.ts";
import type { Ipv4 } from "../net/ipv4.ts";
import type { Mac } from "../net/mac.ts";
import type { HeldFile } from "../tftp/server.ts";
import type { AddressHolders } from "./address-holders.ts";
import type { SharedReads } from "./shared-reads.ts";

export interface TftpFileTools extends KeyTools, Pick<BootPlaneDeps, "onEvent" | "onServed"> {
  readonly assets: Pick<
    Assets,
    "current" | "recent" | "loader" | "plainFile" | "reload" | "reportDamage"
  >;
  readonly images: ImageCache;
  /** For what the image cache has no room for, or does not keep. */
  readonly reads: SharedReads;
  readonly scripts: BootScripts;
  readonly configs: LoaderConfigs;
  readonly server: BootServer;
  readonly holders: Pick<AddressHolders, "find">;
  readonly logger: Logger;
}

/** What there is for a name: undefined is nothing, and `full` a file that there is no room for at the moment. */
type Given = HeldFile | "full" | undefined;

/** The file of that cleaned name for the machine at `client`. */
export type TftpFiles = (name: string, client: Ipv4) => Promise<Given>;

type ToldTools = TftpFileTools & { readonly tellFault: FaultLog };

type Named<Kind extends VirtualFile["kind"]> = Extract<VirtualFile, { kind: Kind }>;

export function createTftpFiles(tools: TftpFileTools): TftpFiles {
  const tellFault = createFaultLog(tools.logger, tools.now);
  const read: SharedReads = async (file) => {
    const given = await tools.reads(file);
    const { path, sizeBytes } = file;
    if (given === "full")
      tellFault("a file is not sent", `${path} has no room in memory`, { sizeBytes });
    return given;
  };
  const told = { ...tools, tellFault };
  const refuse = createImageRefusal({
    ...tools,
    onRefused: (refusal) => tools.onEvent({ kind: "image-refused", ...refusal }),
  });
  return async (name, client) => {
    const file = parseVirtualFile(name);
    if (file === undefined) return await plainFile(tools.assets, name, read);
    switch (file.kind) {
      case "image":
        return await imageOf({ ...tools, read, refuse }, file, client);
      case "keys":
        return held(await keysOf(tools, file, client));
      case "autoexec":
        return held(autoexec(told));
      case "grub":
      case "pxelinux":
        return held(await configOf(told, file, client));
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
  read: SharedReads,
): Promise<Given> {
  const loader = await assets.loader(name);
  if (loader !== undefined) return held(loader.data);
  const file = await assets.plainFile(name);
  return file && (await read(file));
}

/** Of the set that the machine's configuration was made for, also when another one has become active since. */
async function imageOf(
  {
    assets,
    images,
    read,
    refuse,
  }: TftpFileTools & { readonly read: SharedReads; readonly refuse: RefuseImage },
  { profile, version, file }: Named<"image">,
  client: Ipv4,
): Promise<Given> {
  const set = findSet(assets.current(), profile, version);
  const image = file === set?.kernelName ? set.kernel : file === "initrd" ? set?.initrd : undefined;
  if (image === undefined) return undefined;
  try {
    return (await images.hold(image)) ?? (await read(image));
  } catch (error) {
    if (await refuse(client, { profile, file, image }, error)) return undefined;
    throw error;
  }
}

function autoexec({ scripts, server, tellFault }: ToldTools): Buffer {
  const { text, fault } = commonScript(scripts, "autoexec", server);
  if (fault !== undefined) tellFault("autoexec.ipxe can't be made", fault);
  return Buffer.from(text);
}

async function keysOf(
  tools: TftpFileTools,
  { mac, nonce }: Named<"keys">,
  client: Ipv4,
): Promise<Buffer | undefined> {
  const given = await giveKeys(tools, mac, client, nonce);
  reportKeys(tools, given, mac, client);
  return "refused" in given ? undefined : given.archive;
}

/** Always something to go on with: without a configuration GRUB waits at its prompt for ever. */
async function configOf(
  tools: ToldTools,
  { kind, mac: named }: Named<"grub" | "pxelinux">,
  client: Ipv4,
): Promise<Buffer> {
  const config = tools.configs[kind];
  const mac = tools.holders.find(client) ?? named;
  if (mac === undefined) return Buffer.from(unknownConfig(tools, config, client));
  const given =
    named === undefined || named === mac
      ? await giveScript(tools, config, mac, client)
      : strangersConfig(tools, config, mac, named);
  reportScript(tools, given, { client, asked: "configuration", stage: kind });
  return Buffer.from(given.text);
}

function unknownConfig({ tellFault }: ToldTools, config: LoaderConfig, client: Ipv4): string {
  try {
    return config.unknown(client);
  } catch (error) {
    const fault = messageOf(error);
    tellFault("a machine was not given its script", fault, { client });
    return config.plain({ mac: undefined, node: undefined }, fault);
  }
}

/** For a machine that asks by another one's name. */
function strangersConfig(
  { subject }: TftpFileTools,
  config: LoaderConfig,
  mac: Mac,
  named: Mac,
): GivenScript {
  const machine = { mac, node: subject(mac).node };
  const reason = `it asked for the configuration of ${named}`;
  return { machine, isOwn: false, ...localDisk(config, machine, reason) };
}
