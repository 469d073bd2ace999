// What the site tells its DHCP server: who has which address, and which loader a firmware gets.

import type { Client } from "../dhcp/client.ts";
import type { BootFile, DhcpPolicy } from "../dhcp/policy.ts";
import { bootClassOf } from "../dhcp/pxe.ts";
import { findNodeByMac, retiredAs } from "../inventory/find.ts";
import { type LiveInventory, oncePer } from "../inventory/live.ts";
import type { Node } from "../inventory/schema.ts";
import type { Ipv4 } from "../net/ipv4.ts";
import type { Mac } from "../net/mac.ts";
import { createChainedLoaders } from "./chained-loader.ts";
import {
  asksDhcpAgain,
  bootsByHttp,
  formatArchitecture,
  type Loader,
  loaderFor,
} from "./firmware.ts";
import { type FirmwareReading, readFirmware } from "./firmware-quirks.ts";
import { createLoaderLoops, type LoaderStop } from "./loader-loop.ts";

/** Tells whether a loader is one of these. */
type Loaders = Pick<ReadonlySet<string>, "has">;

export interface NetbootPolicyTools {
  readonly inventory: LiveInventory;
  readonly httpPort: number;
  /** Names of the loaders in the asset directory that can be given. */
  readonly loaders: Loaders;
  /** By name, why a loader that is there, or should be, is given to nobody: then it is not named either. */
  readonly refusedLoaders: Pick<ReadonlyMap<string, string>, "get">;
  /** Milliseconds that never run backwards. */
  readonly now: () => number;
}

/** The policy of a site. A machine in no inventory gets a loader too: its script sends it to its own disk. */
export function createNetbootPolicy(tools: NetbootPolicyTools): DhcpPolicy {
  const { inventory, httpPort, now } = tools;
  const loops = createLoaderLoops();
  const chained = createChainedLoaders();

  function bootFile(client: Client, server: Ipv4): BootFile {
    const base = `http://${server}:${httpPort}/boot`;
    const reading = readFirmware(client);
    const firmware = isFirmware(client);
    if (reading.runsScript || !firmware) loops.forget(client.mac);
    const node = findNodeByMac(inventory(), client.mac);
    const script = { file: `${base}/ipxe/boot.ipxe` };
    const chains =
      reading.runsScript && (node?.chainLoader ?? inventory().boot.chainLoader) === true;
    if (reading.runsScript && !chains) return script;
    const choice = chooseLoader(client, reading, node, tools);
    if ("none" in choice)
      return chains ? { ...script, remark: `the script all the same: ${choice.none}` } : choice;
    const comesBack = asksDhcpAgain(choice.file);
    if (chains && comesBack && chained.next(client, now()) === "script") return script;
    const stop = firmware && !chains && comesBack ? loops.admit(client, now()) : undefined;
    if (stop !== undefined) return { none: loopReason(stop, choice.file, client) };
    const file = choice.byHttp ? `${base}/${choice.file}` : choice.file;
    return choice.fallback ? { file, remark: fallbackRemark } : { file };
  }

  return {
    refusal: (mac) => {
      const retired = retiredAs(inventory(), mac);
      return retired === undefined ? undefined : `${mac} is retired: ${retired}`;
    },
    reservation: (mac) => {
      const node = findNodeByMac(inventory(), mac);
      return node && { address: node.provisioningAddress, hostName: node.name };
    },
    reservedFor: (address) => owners(inventory()).get(address),
    bootFile,
    heardRequest: ({ mac }) => chained.heardRequest(mac),
  };
}

const owners = oncePer(
  ({ nodes }): ReadonlyMap<Ipv4, Mac> =>
    new Map(nodes.map((node) => [node.provisioningAddress, node.mac])),
);

export const fallbackRemark = "the fallback loader: it names no registered architecture";

/** An installed system names neither a boot class nor an architecture. */
function isFirmware(client: Client): boolean {
  return bootClassOf(client) !== undefined || client.architectures.length > 0;
}

type Choice =
  | { readonly file: string; readonly fallback: boolean; readonly byHttp: boolean }
  | { readonly none: string };

function chooseLoader(
  client: Client,
  reading: FirmwareReading,
  node: Node | undefined,
  { inventory, loaders, refusedLoaders }: NetbootPolicyTools,
): Choice {
  const byHttp = (arch: number | undefined) =>
    bootClassOf(client) === "HTTPClient" || (arch !== undefined && bootsByHttp(arch));
  if (node?.loader !== undefined && isFirmware(client)) {
    const { name, loader: file } = node;
    if (loaders.has(file))
      return { file, fallback: false, byHttp: byHttp(reading.architectures[0]) };
    const refused = refusedLoaders.get(file);
    if (refused !== undefined) return { none: refused };
    return {
      none: `the loader of node ${name}, ${file}, is not in the asset directory: put it there, or take \`loader\` out of the inventory`,
    };
  }
  const { fallbackLoader } = inventory().boot;
  const { loader, arch } = firstThatFits(reading, fallbackLoader, loaders, node?.secureBoot);
  if ("none" in loader)
    return {
      none: reading.quirk === undefined ? loader.none : `this is ${reading.quirk}: ${loader.none}`,
    };
  const replacement = reading.replace.get(loader.file);
  const file = replacement !== undefined && loaders.has(replacement) ? replacement : loader.file;
  const refused = refusedLoaders.get(file);
  if (refused !== undefined) return { none: refused };
  return { file, fallback: loader.fallback, byHttp: byHttp(arch) };
}

/**
 * A firmware may name several architectures, the preferred one first: the first that has a loader counts. The fallback is
 * for clients that name no registered one.
 */
function firstThatFits(
  { architectures }: FirmwareReading,
  fallback: string | undefined,
  loaders: Loaders,
  secureBoot = false,
): { readonly loader: Loader; readonly arch: number | undefined } {
  const offers = (architectures.length === 0 ? [undefined] : architectures).map((arch) => ({
    arch,
    // The script is not asked for here, so there is no need of its URL.
    loader: loaderFor({ arch, ipxe: false, secureBoot }, "", fallback, loaders),
  }));
  return (
    offers.find(({ loader }) => "file" in loader && !loader.fallback) ??
    offers.find(({ loader }) => "none" in loader) ??
    offers[0] ?? { loader: { none: "the client names no architecture" }, arch: undefined }
  );
}

function loopReason(stop: LoaderStop, file: string, client: Client): string {
  const seen = stop.taken
    ? `${file} was given ${stop.times} times within an hour and the machine never came back as an iPXE that runs the script`
    : `${file} was offered ${stop.times} times within an hour and the machine neither took an offer nor came back as iPXE`;
  return `loader loop: ${seen}; ${loopCause(file, client)}; the loader is held back for 5 minutes`;
}

function loopCause(file: string, client: Client): string {
  const [arch] = client.architectures;
  if (client.ipxe)
    return `${file} seems to be an iPXE built without HTTP or bzImage: put a full build in its place`;
  if (arch === undefined || arch === 0)
    return `${file} does not start or does not name itself in DHCP: put an iPXE build in its place, or set \`loader\` of this node`;
  return (
    `architecture ${formatArchitecture(arch)}: Secure Boot refuses ${file}, or it hangs on this network card: ` +
    "set `secureBoot: true` of this node, or `loader: snponly.efi`"
  );
}
