// The iPXE scripts that machines run, rendered from the templates. Which of them a machine gets is decided in decide.ts.
// A value can never become a command: what could is refused here, wherever the value came from.

import { readFileSync } from "node:fs";
import { join } from "node:path";
import Handlebars from "handlebars";
import type { Node } from "../inventory/schema.ts";
import type { Ipv4 } from "../net/ipv4.ts";
import type { AssetSet } from "./assets.ts";

/** The server as machines see it. */
export interface BootServer {
  readonly address: Ipv4;
  /** Such as `http://10.0.100.10:8080`, without a slash at its end. */
  readonly baseUrl: string;
}

export interface BootScripts {
  /** `/boot/ipxe/boot.ipxe`: the same for all machines; shows the menu and asks for the machine's own script. */
  menu(server: BootServer): string;
  /** Starts the installer of `set` on `node`. The set's arguments come first, then the profile's and node's. */
  installer(server: BootServer, node: Node, set: AssetSet): string;
  /** Leaves the network and boots the disk, saying why on the console. */
  localDisk(reason: string): string;
}

const product = "rackstrap";
const menuTimeoutMs = 3_000;
/** Tries before a machine boots its disk. The menu waits 1, 2, 4 … seconds between them, 31 in all. */
const menuAttempts = 6;
const installerAttempts = 5;

type Values = Readonly<Record<string, string | number>>;

/** Compiles the templates of `directory`. Throws when one is missing or does not compile. */
export function loadScripts(directory: string): BootScripts {
  const handlebars = Handlebars.create();
  const source = (name: string) => readFileSync(join(directory, `${name}.ipxe.hbs`), "utf8");
  handlebars.registerPartial("leave", source("leave"));
  const compile = (name: string) => {
    // Kernel arguments are no HTML, and a value that is not there is our mistake, not an empty word.
    const options = { noEscape: true, strict: true, knownHelpersOnly: true } as const;
    const template = handlebars.compile<Values>(source(name), options);
    return (values: Values) => render(name, template, values);
  };
  const menu = compile("boot");
  const installer = compile("installer");
  const localDisk = compile("local-disk");
  return {
    menu: ({ address, baseUrl }) =>
      menu({
        product,
        serverAddress: address,
        menuTimeoutMs,
        attempts: menuAttempts,
        nodesUrl: `${baseUrl}/boot/nodes`,
      }),
    installer: ({ baseUrl }, node, set) => installer(installerValues(baseUrl, node, set)),
    localDisk: (reason) => localDisk({ product, reason: plainText(reason) }),
  };
}

function installerValues(baseUrl: string, node: Node, set: AssetSet): Values {
  const images = `${baseUrl}/boot/nixos`;
  return {
    product,
    nodesUrl: `${baseUrl}/boot/nodes`,
    node: node.name,
    profile: set.profile,
    attempts: installerAttempts,
    kernelUrl: `${images}/${set.profile}/${set.kernelName}?set=${set.version}`,
    initrdUrl: `${images}/${set.profile}/initrd?set=${set.version}`,
    keysUrl: `${images}/authorized-keys.cpio.gz`,
    kernelArguments: [...set.arguments, ...node.kernelArguments, `hostname=${node.name}`].join(" "),
  };
}

/** Fills a template in. Throws, naming the value's key, when a value could end its line, name a setting or start a command. */
function render(name: string, template: (values: Values) => string, values: Values): string {
  for (const [key, value] of Object.entries(values)) {
    // `#!`, `${` and backtick are refused by rule; `;`, `&&` and `||` separate commands in iPXE.
    const found = /[\r\n`;\0]|\$\{|#!|&&|\|\|/.exec(String(value));
    if (found !== null)
      throw new Error(
        `${name}.ipxe: ${key} must not hold ${JSON.stringify(found[0])}: ${JSON.stringify(value)}`,
      );
  }
  const script = template(values);
  if (!script.startsWith("#!ipxe\n")) throw new Error(`${name}.ipxe does not start with #!ipxe`);
  return script;
}

/** A sentence as iPXE's `echo` shows it: quotes, backslashes and everything outside of plain ASCII text become one space. */
function plainText(text: string): string {
  return text
    .slice(0, 256)
    .replace(/[^A-Za-z0-9.,:/()_-]+/g, " ")
    .trim();
}
