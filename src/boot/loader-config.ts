// The configuration files of loaders that run no iPXE script: GRUB (Secure Boot, arm64) and pxelinux; and the script that an
// iPXE finds beside itself. Which plan a machine gets is decided in decide.ts. A value can never become a command.

import { readFileSync } from "node:fs";
import { join } from "node:path";
import Handlebars from "handlebars";
import type { Node } from "../inventory/schema.ts";
import type { Ipv4 } from "../net/ipv4.ts";
import type { Mac } from "../net/mac.ts";
import type { AssetSet } from "./assets.ts";
import { imageName, keysName } from "./virtual-files.ts";

export interface LoaderConfig {
  /**
   * Starts the installer of `set` on `node`, whose keys it fetches with the install's nonce. The set's arguments come first,
   * then the profile's and node's.
   */
  installer(node: Node, set: AssetSet, nonce: string): string;
  /** Boots the disk, saying why on the console. */
  localDisk(mac: Mac | undefined, reason: string): string;
  /** For a machine that nobody knows by its address. */
  unknown(address: Ipv4): string;
}

export interface LoaderConfigs {
  readonly grub: LoaderConfig;
  readonly pxelinux: LoaderConfig;
  /** `autoexec.ipxe`: sends an iPXE to the script at this URL. */
  autoexec(menuUrl: string): string;
}

const product = "rackstrap";
/** GRUB counts by adding an x. */
const lastTry = "x".repeat(5);

type Values = Readonly<Record<string, string>>;

/** Compiles the templates of `directory`. Throws when one is missing or does not compile. */
export function loadLoaderConfigs(directory: string): LoaderConfigs {
  const compile = compiler(directory);
  const grub = {
    installer: compile("installer.grub.cfg"),
    disk: compile("local-disk.grub.cfg"),
    byMac: compile("by-mac.grub.cfg"),
  };
  const pxelinux = {
    installer: compile("installer.pxelinux.cfg"),
    disk: compile("local-disk.pxelinux.cfg"),
  };
  const autoexec = compile("autoexec.ipxe");
  return {
    grub: {
      // In single quotes GRUB reads every character as itself (its manual, §6.2).
      installer: (node, set, nonce) =>
        grub.installer(installerValues(node, set, nonce, (word) => `'${word}'`)),
      localDisk: (mac, reason) => grub.disk(diskValues(mac, reason)),
      // Without any configuration GRUB waits at its prompt for ever.
      unknown: () => grub.byMac({}),
    },
    pxelinux: {
      installer: (node, set, nonce) =>
        pxelinux.installer(installerValues(node, set, nonce, (word) => word)),
      localDisk: (mac, reason) => pxelinux.disk(diskValues(mac, reason)),
      unknown: (address) =>
        pxelinux.disk(diskValues(undefined, `this server did not give ${address} to a machine`)),
    },
    autoexec: (menuUrl) => autoexec({ menuUrl }),
  };
}

function compiler(directory: string): (name: string) => (values: Values) => string {
  const handlebars = Handlebars.create();
  const source = (name: string) => readFileSync(join(directory, `${name}.hbs`), "utf8");
  return (name) => {
    // Of each loader's own kind: how a machine leaves the network.
    const kind = name.slice(name.indexOf("."));
    const partials = kind === ".pxelinux.cfg" ? {} : { leave: source(`leave${kind}`) };
    // Kernel arguments are no HTML, and a value that is not there is our mistake, not an empty word.
    const options = { noEscape: true, strict: true, knownHelpersOnly: true } as const;
    const template = handlebars.compile<Values>(source(name), options);
    return (values) => {
      refuseCommands(name, values);
      return template({ product, lastTry, ...values }, { partials });
    };
  };
}

function installerValues(
  node: Node,
  set: AssetSet,
  nonce: string,
  quote: (word: string) => string,
): Values {
  const words = [...set.arguments, ...node.kernelArguments, `hostname=${node.name}`];
  return {
    node: node.name,
    profile: set.profile,
    kernel: imageName(set, set.kernelName),
    initrd: imageName(set, "initrd"),
    keys: keysName(node.mac, nonce),
    kernelArguments: words.map(quoted(quote)).join(" "),
  };
}

/** Refuses what would end the word: GRUB's quote, white space and whatever is not plain ASCII. */
function quoted(quote: (word: string) => string): (word: string) => string {
  return (word) => {
    if (!/^[A-Za-z0-9_.,:/@=+%~*-]+$/.test(word))
      throw new Error(`no loader can be given the kernel argument ${JSON.stringify(word)}`);
    return quote(word);
  };
}

function diskValues(mac: Mac | undefined, reason: string): Values {
  return { mac: mac ?? "this machine", reason: plainText(reason) };
}

/** Throws, naming the value's key, when a value could end its line, its quotes or start a command. */
function refuseCommands(name: string, values: Values): void {
  for (const [key, value] of Object.entries(values)) {
    const bare = key === "kernelArguments" ? value.replace(/'([^']*)'/g, "$1") : value;
    const found = /[\r\n\0'"`\\$;|&<>{}]|#!/.exec(bare);
    if (found !== null)
      throw new Error(
        `${name}: ${key} must not hold ${JSON.stringify(found[0])}: ${JSON.stringify(value)}`,
      );
  }
}

/** A sentence as every loader shows it: all but plain words and their punctuation becomes one space. */
function plainText(text: string): string {
  return text
    .slice(0, 256)
    .replace(/[^A-Za-z0-9.,:/()_-]+/g, " ")
    .trim();
}
