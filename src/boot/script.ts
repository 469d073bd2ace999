// The iPXE scripts that machines run, rendered from the templates. Which of them a machine gets is decided in decide.ts.
// A value can never become a command: what could is refused by templates.ts, wherever the value came from.

import type { LocalBoot, Node } from "../inventory/schema.ts";
import type { Mac } from "../net/mac.ts";
import type { AssetSet } from "./assets.ts";
import {
  type BootServer,
  discoveryArguments,
  kernelArguments,
  type Machine,
  type MachineTexts,
  plainText,
  product,
} from "./machine-texts.ts";
import { scriptFault } from "./script-check.ts";
import { type Language, loadTemplates, type Values } from "./templates.ts";

/** Both throw a TemplateError when a template of the site is at fault, as those for one machine do. */
export interface BootScripts extends MachineTexts {
  /** `/boot/ipxe/boot.ipxe`: the same for all machines; shows the menu and asks for the machine's own script. */
  menu(server: BootServer): string;
  /** `autoexec.ipxe`, which an iPXE that came over TFTP fetches beside itself: sends it to the first script. */
  autoexec(server: BootServer): string;
}

const ipxe: Language = {
  extension: "ipxe",
  partials: ["leave"],
  // `#!`, `${` and backtick are refused by rule; `;`, `&&` and `||` separate commands in iPXE.
  forbidden: /[\r\n`;\0]|\$\{|#!|&&|\|\|/,
  word: (word) => word,
  fault: scriptFault,
};
const menuTimeoutMs = 3_000;
/** Tries before a machine boots its disk. The menu waits 1, 2, 4 … seconds between them, 31 in all. */
const menuAttempts = 6;
const installerAttempts = 5;

/** Compiles the templates of `directory`. Throws when one is missing. Those of `siteDirectory` are used in their place. */
export function loadScripts(
  directory: string,
  siteDirectory: () => string | undefined = () => undefined,
): BootScripts {
  const names = ["boot", "autoexec", "installer", "discovery", "local-disk"];
  const templates = loadTemplates(directory, siteDirectory, ipxe, names);
  const localValues = ({ node }: Machine, reason: string) => ({
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
    autoexec: ({ baseUrl }) =>
      templates.render("autoexec", undefined, {
        product,
        menuUrl: `${baseUrl}/boot/ipxe/boot.ipxe`,
        ...leaveValues(undefined),
      }),
    installer: ({ baseUrl }, node, set, nonce) =>
      templates.render("installer", node, installerValues(baseUrl, node, set, nonce)),
    discovery: (server, mac, set) =>
      templates.render("discovery", undefined, discoveryValues(server, mac, set)),
    localDisk: (machine, reason) =>
      templates.render("local-disk", machine.node, localValues(machine, reason)),
    plain: (machine, reason) => templates.renderOwn("local-disk", localValues(machine, reason)),
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
    kernelArguments: kernelArguments(set, node),
    ...leaveValues(node),
  };
}

function discoveryValues(server: BootServer, mac: Mac, set: AssetSet): Values {
  const images = `${server.baseUrl}/boot/nixos/${set.profile}`;
  return {
    product,
    mac,
    attempts: installerAttempts,
    kernelUrl: `${images}/${set.kernelName}?set=${set.version}`,
    initrdUrl: `${images}/initrd?set=${set.version}`,
    kernelArguments: discoveryArguments(set, server, mac),
    ...leaveValues(undefined),
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
