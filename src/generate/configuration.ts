// A node's configuration.nix: who it is, its network, what it runs, who reaches it (runbook §5.3).

import type { Inventory, Node } from "../inventory/schema.ts";
import type { NixosFacts } from "./facts.ts";
import { firewallSection } from "./firewall.ts";
import { printModule, type Section } from "./module.ts";
import { networkSections } from "./network.ts";
import { serviceSections } from "./service-blocks.ts";

/** The text of the node's configuration.nix. */
export function configurationFile(inventory: Inventory, node: Node, facts: NixosFacts): string {
  return printModule({
    about: `Node ${node.fqdn}, ${node.role}. Written by rackstrap generate.`,
    takes: "{ config, pkgs, lib, ... }",
    imports: [
      `../../profiles/${node.profile}.nix`,
      "../../common/base.nix",
      "./hardware.nix",
      "./disko.nix",
    ],
    sections: [
      ...networkSections(inventory, node),
      ...serviceSections(inventory, node),
      firewallSection(inventory, node),
      ...accessSections(facts),
      ...kernelSections(node),
      { settings: [{ system: { stateVersion: "24.11" } }] },
    ],
  });
}

function accessSections({ sshKeys }: NixosFacts): readonly Section[] {
  if (sshKeys.length === 0) return [];
  const root = { openssh: { authorizedKeys: { keys: sshKeys } } };
  return [{ why: "Who may log in", settings: [{ users: { users: { root } } }] }];
}

function kernelSections({ kernelArguments }: Node): readonly Section[] {
  if (kernelArguments.length === 0) return [];
  return [{ settings: [{ boot: { kernelParams: kernelArguments } }] }];
}
