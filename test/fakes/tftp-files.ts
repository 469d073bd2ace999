// What TFTP gives, over one asset set and one declared node, which is at one address.

import { randomUUID } from "node:crypto";
import { pino } from "pino";
import type { Standing } from "../../src/boot/access.ts";
import type { AssetFile } from "../../src/boot/asset-file.ts";
import type { AssetManifest, AssetSet } from "../../src/boot/assets.ts";
import type { Subject } from "../../src/boot/decide.ts";
import { loadLoaderConfigs } from "../../src/boot/loader-config.ts";
import { installNonce } from "../../src/boot/nonce.ts";
import { loadScripts } from "../../src/boot/script.ts";
import type { BootPlaneEvent } from "../../src/bootplane/deps.ts";
import { formatDisk } from "../../src/inventory/disk.ts";
import type { Ipv4 } from "../../src/net/ipv4.ts";
import type { Mac } from "../../src/net/mac.ts";
import { createTftpFiles, type TftpFiles } from "../../src/serve/tftp-files.ts";
import { memoryKeysLedger } from "./boot-plane.ts";
import { exampleInventory } from "./rack.ts";

const [declared] = exampleInventory().nodes;
if (declared === undefined) throw new Error("the example site has a node");
export const node = declared;
export const { mac } = node;

const image = (path: string): AssetFile => ({ path, sizeBytes: 1, identity: path, sha256: path });
export const set: AssetSet = {
  ...{ profile: node.profile, version: "0123456789abcdef", arguments: ["init=/x"] },
  ...{ kernelName: "bzImage", kernel: image("kernel"), initrd: image("initrd") },
};
export const old: AssetSet = { ...set, version: "00000000000000aa", kernel: image("old kernel") };
const loader = { data: Buffer.from("loader"), identity: "1", sha256: "1" };
const nonceKey = "the server's own secret";
const intentId = randomUUID();
/** Of the install that the node is armed for. */
export const nonce = installNonce(nonceKey, intentId);

export interface TestTftpFiles {
  readonly get: TftpFiles;
  readonly events: BootPlaneEvent[];
  /** The texts that nodes were given, as they are kept: `name stage: text`. */
  readonly served: string[];
  /** What was done about images that can't be given. */
  readonly done: string[];
  readonly logs: string[];
}

export interface TftpSituation {
  readonly armed?: boolean;
  /** Another server gives the addresses. */
  readonly proxy?: boolean;
  /** The installer of the node was found. */
  readonly found?: boolean;
  readonly sets?: readonly AssetSet[];
  /** The node's. */
  readonly address?: Ipv4;
  /** What becomes of an image when it is read. */
  readonly unreadable?: Error;
  /** There is no room for any file that is not in memory, and no image is. */
  readonly full?: boolean;
  /** No template can be rendered. */
  readonly broken?: boolean;
}

export function testTftpFiles({
  armed = false,
  proxy = false,
  found = false,
  sets = [set],
  address: mine = node.provisioningAddress,
  unreadable,
  full = false,
  broken = false,
}: TftpSituation = {}): TestTftpFiles {
  const manifest: AssetManifest = {
    ...{ root: "/assets", problems: [], loaders: new Map([["ipxe.efi", loader]]) },
    sets: new Map(sets.map((each) => [each.profile, each])),
    versions: new Map([...sets, old].map((each) => [`${each.profile}/${each.version}`, each])),
    damaged: [],
  };
  const subject = (asked: Mac): Subject => {
    if (asked !== mac) return { mac: asked, node: undefined, record: undefined, intent: undefined };
    const state = armed ? "armed" : "active";
    const intent = {
      ...{ id: intentId, node: node.name, mac, disk: formatDisk(node.disk), operation: "op" },
      ...{ armedAtMs: 0, expiresAtMs: 10, consumedAtMs: undefined },
    };
    return { mac, node, record: { name: node.name, state, sinceMs: 0 }, intent };
  };
  const events: BootPlaneEvent[] = [];
  const served: string[] = [];
  const done: string[] = [];
  const logs: string[] = [];
  const find = (address: string) => (address === mine ? mac : undefined);
  const own: Standing = { kind: "given", to: mac };
  const strange: Standing = { kind: proxy ? "not-heard" : "not-given" };
  const configs = loadLoaderConfigs("templates");
  const fail = () => {
    throw new Error("the template is broken");
  };
  const unmade = { autoexec: fail, installer: fail, localDisk: fail, unknown: fail };
  const get = createTftpFiles({
    assets: {
      current: () => manifest,
      recent: async () => manifest,
      loader: async (name) => manifest.loaders.get(name),
      plainFile: async () => undefined,
      reload: async () => {
        done.push("reload");
        return manifest;
      },
      reportDamage: async ({ path }) => void done.push(`damage of ${path}`),
    },
    images: {
      hold: async ({ path }) => {
        if (unreadable !== undefined) throw unreadable;
        return full ? undefined : { data: Buffer.from(path), release: () => undefined };
      },
    },
    reads: async () => "full",
    configs: broken ? { ...configs, grub: { ...configs.grub, ...unmade } } : configs,
    holders: { find },
    addresses: {
      standing: (address) => (find(address) === undefined ? strange : own),
    },
    nonceKey,
    keysLedger: memoryKeysLedger(() => found),
    installerHostKey: async () => undefined,
    subject,
    scripts: { ...loadScripts("templates"), ...(broken && unmade) },
    server: { address: "10.0.100.10" as Ipv4, baseUrl: "http://10.0.100.10:8080" },
    onServed: ({ name }, stage, text) => served.push(`${name} ${stage}: ${text}`),
    authorizedKeys: () => `ssh-ed25519 ${"A".repeat(68)} test`,
    onEvent: (event) => events.push(event),
    now: () => 5,
    logger: pino({ base: null }, { write: (line: string) => void logs.push(line) }),
  });
  return { get, events, served, done, logs };
}
