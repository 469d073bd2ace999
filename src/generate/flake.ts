// The flake of the tree: one NixOS configuration for each node, by its short name, which installs and nixos-rebuild ask for.

import type { Inventory } from "../inventory/schema.ts";
import { commentLines, printNix } from "./nix.ts";

/** The text of flake.nix, which differs between inventories in its description and its list of nodes. */
export function flakeFile({ site, nodes }: Inventory): string {
  const table = Object.fromEntries(
    nodes.map(({ name, fqdn, profile }) => [name, { fqdn, profile }]),
  );
  return `${commentLines(`Every node of site ${site}. Written by rackstrap generate.`)}{
  description = ${printNix(`Nodes of site ${site}`)};

  inputs = {
    nixpkgs.url = "github:NixOS/nixpkgs/nixos-24.11";
    disko.url = "github:nix-community/disko/v1.11.0";
    disko.inputs.nixpkgs.follows = "nixpkgs";
  };

  outputs =
    { nixpkgs, disko, ... }:
    let
      nodes = ${printNix(table, "      ")};
${flakeBody}`;
}

const flakeBody = `
      # Yours: imported where it is there, and never written by rackstrap.
      present = builtins.filter builtins.pathExists;

      # Where the site has none of its own, the services' options come from here.
      services =
        if builtins.pathExists ./site/services.nix then
          ./site/services.nix
        else
          ./modules/cluster-services.nix;

      # Whatever lies in a flake can be read by every user of every machine that builds it.
      isPublic = file: builtins.match "cluster-config\\\\.json|.*-cert\\\\.pem" file != null;
      checked =
        fqdn: modules:
        let
          folder = ./nodes + "/\${fqdn}/secrets";
          files = if builtins.pathExists folder then builtins.attrNames (builtins.readDir folder) else [ ];
          secret = builtins.filter (file: !isPublic file) files;
        in
        if secret == [ ] then
          modules
        else
          throw "nodes/\${fqdn}/secrets/\${builtins.head secret} would be copied into the Nix store, which everybody can read: move it out of this folder; an install brings a node its secrets";

      node =
        _name:
        { fqdn, profile }:
        nixpkgs.lib.nixosSystem {
          modules = checked fqdn (
            [
              disko.nixosModules.disko
              ./modules/first-boot-automation.nix
              ./modules/interface-names.nix
              services
              (./nodes + "/\${fqdn}/configuration.nix")
            ]
            ++ present [
              ./site/default.nix
              (./site/profiles + "/\${profile}.nix")
              (./nodes + "/\${fqdn}/local.nix")
            ]
          );
        };
    in
    {
      nixosConfigurations = builtins.mapAttrs node nodes;

      # For the provisioning server itself, in its own configuration.
      nixosModules = {
        rackstrap = ./modules/rackstrap.nix;
        first-boot-automation = ./modules/first-boot-automation.nix;
      };
    };
}
`;
