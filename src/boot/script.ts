// The iPXE scripts that machines run, rendered from the templates. Which of them a machine gets is decided in decide.ts.
// A value can never become a command: what could is refused by templates.ts, wherever the value came from.

import type { LocalBoot, Node } from "../inventory/schema.ts";
import type { Ipv4 } from "../net/ipv4.ts";
import type { AssetSet } from "./assets.ts";
import { loadTemplates, type Values } from "./templates.ts";

/** The server as machines see it. */
export interface BootServer {
  readonly address: Ipv4;
  /** Such as `http://10.0.100.10:8080`, without a slash at its end. */
  readonly baseUrl: string;
}

/** All but `plain` throw a TemplateError when a template of the site is at fault. */
export interface BootScripts {
  /** `/boot/ipxe/boot.ipxe`: the same for all machines; shows the menu and asks for the machine's own script. */
  menu(server: BootServer): string;
  /**
   * Starts the installer of `set` on `node`. The set's arguments come first, then the profile's and node's.
   * `nonce` is that of the armed install; it is in the script's URLs and nowhere else.
   */
  installer(server: BootServer, node: Node, set: AssetSet, nonce: string): string;
  /** Leaves the network and boots the disk, saying why on the console. */
  localDisk(node: Node | undefined, reason: string): string;
  /** The same from the product's own template. */
  plain(node: Node | undefined, reason: string): string;
}

const product = "rackstrap";
const menuTimeoutMs = 3_000;
/** Tries before a machine boots its disk. The menu waits 1, 2, 4 … seconds between them, 31 in all. */
const menuAttempts = 6;
const installerAttempts = 5;

/** Compiles the templates of `directory`. Throws when one is missing. Those of `siteDirectory` are used in their place. */
export function loadScripts(directory: string, siteDirectory?: string): BootScripts {
  const templates = loadTemplates(directory, siteDirectory, ["boot", "installer", "local-disk"]);
  const localValues = (node: Node | undefined, reason: string) => ({
    product,
    reason: plainText(reason),
    ...leaveValues(node),
  });
  return {
    menu: ({ address, baseUrl }) =>
      templates.render("boot", undefined, {
        product,
        serverAddress: address,
        menuTimeoutMs,
        attempts: menuAttempts,
        nodesUrl: `${baseUrl}/boot/nodes`,
        ...leaveValues(undefined),
      }),
    installer: ({ baseUrl }, node, set, nonce) =>
      templates.render("installer", node, installerValues(baseUrl, node, set, nonce)),
    localDisk: (node, reason) => templates.render("local-disk", node, localValues(node, reason)),
    plain: (node, reason) => templates.renderOwn("local-disk", localValues(node, reason)),
  };
}

function installerValues(baseUrl: string, node: Node, set: AssetSet, nonce: string): Values {
  const images = `${baseUrl}/boot/nixos/${set.profile}`;
  const own = `${baseUrl}/boot/nodes/${node.mac}`;
  return {
    product,
    nodesUrl: `${baseUrl}/boot/nodes`,
    node: node.name,
    profile: set.profile,
    attempts: installerAttempts,
    kernelUrl: `${images}/${set.kernelName}?set=${set.version}`,
    initrdUrl: `${images}/initrd?set=${set.version}`,
    keysUrl: `${own}/keys.cpio.gz?nonce=${nonce}`,
    clusterConfigUrl: `${own}/cluster-config.json?nonce=${nonce}`,
    reportUrl: `${own}/report?nonce=${nonce}`,
    kernelArguments: [...set.arguments, ...node.kernelArguments, `hostname=${node.name}`].join(" "),
    ...leaveValues(node),
  };
}

/** What the partial `leave` asks: how the machine goes on to its disk. */
function leaveValues(node: Node | undefined): Values {
  const way: LocalBoot = node?.localBoot ?? "auto";
  return {
    leaveByFirmware: way === "auto",
    leaveByExit: way === "exit",
    leaveByError: way === "exit-1",
  };
}

/** A sentence as iPXE's `echo` shows it: quotes, backslashes and everything outside of plain ASCII text become one space. */
function plainText(text: string): string {
  return text
    .slice(0, 256)
    .replace(/[^A-Za-z0-9.,:/()_-]+/g, " ")
    .trim();
}
