// The configuration files of loaders that run no iPXE script: GRUB (Secure Boot, arm64) and pxelinux. Which plan a machine
// gets is decided in decide.ts. A value can never become a command: what could is refused by templates.ts.

import type { Node } from "../inventory/schema.ts";
import type { Ipv4 } from "../net/ipv4.ts";
import type { Mac } from "../net/mac.ts";
import type { AssetSet } from "./assets.ts";
import { grubFault, pxelinuxFault } from "./loader-config-check.ts";
import {
  type BootServer,
  discoveryArguments,
  kernelArguments,
  type Machine,
  type MachineTexts,
  plainText,
  product,
} from "./machine-texts.ts";
import { type Language, loadTemplates, type Templates, type Values } from "./templates.ts";
import { imageName, keysName } from "./virtual-files.ts";

export interface LoaderConfig extends MachineTexts {
  /** For a machine that nobody knows by its address. */
  unknown(address: Ipv4): string;
}

export interface LoaderConfigs {
  readonly grub: LoaderConfig;
  readonly pxelinux: LoaderConfig;
}

const forbidden = /[\r\n\0'"`\\$;|&<>{}]|#!/;
const grub: Language = {
  extension: "grub.cfg",
  partials: ["leave"],
  forbidden,
  // In single quotes GRUB reads every character as itself (its manual, §6.2).
  word: (word) => `'${word}'`,
  fault: grubFault,
};
const pxelinux: Language = {
  extension: "pxelinux.cfg",
  partials: [],
  forbidden,
  word: (word) => word,
  fault: pxelinuxFault,
};
/** GRUB counts by adding an x. */
const lastTry = "x".repeat(5);

/** Compiles the templates of `directory`. Throws when one is missing. Those of `siteDirectory` are used in their place. */
export function loadLoaderConfigs(
  directory: string,
  siteDirectory: () => string | undefined = () => undefined,
): LoaderConfigs {
  const ofGrub = loadTemplates(directory, siteDirectory, grub, [
    ...["installer", "discovery", "local-disk", "by-mac"],
  ]);
  const ofPxelinux = loadTemplates(directory, siteDirectory, pxelinux, [
    ...["installer", "discovery", "local-disk"],
  ]);
  return {
    grub: {
      ...machineTexts(ofGrub, { lastTry }),
      // Without any configuration GRUB waits at its prompt for ever.
      unknown: () => ofGrub.render("by-mac", undefined, { product }),
    },
    pxelinux: {
      ...machineTexts(ofPxelinux, {}),
      unknown: (address) => {
        const reason = `this server did not give ${address} to a machine`;
        const values = diskValues({ mac: undefined, node: undefined }, reason);
        return ofPxelinux.render("local-disk", undefined, values);
      },
    },
  };
}

function machineTexts(templates: Templates, more: Values): MachineTexts {
  return {
    installer: (_server, node, set, nonce) =>
      templates.render("installer", node, { ...installerValues(node, set, nonce), ...more }),
    discovery: (server, mac, set) =>
      templates.render("discovery", undefined, discoveryValues(server, mac, set)),
    localDisk: (machine, reason) =>
      templates.render("local-disk", machine.node, diskValues(machine, reason)),
    plain: (machine, reason) => templates.renderOwn("local-disk", diskValues(machine, reason)),
  };
}

function installerValues(node: Node, set: AssetSet, nonce: string): Values {
  return {
    product,
    node: node.name,
    profile: set.profile,
    kernel: imageName(set, set.kernelName),
    initrd: imageName(set, "initrd"),
    keys: keysName(node.mac, nonce),
    kernelArguments: kernelArguments(set, node),
  };
}

function discoveryValues(server: BootServer, mac: Mac, set: AssetSet): Values {
  return {
    product,
    mac,
    kernel: imageName(set, set.kernelName),
    initrd: imageName(set, "initrd"),
    kernelArguments: discoveryArguments(set, server, mac),
  };
}

function diskValues({ mac }: Machine, reason: string): Values {
  return { product, mac: mac ?? "this machine", reason: plainText(reason) };
}
