// Does the flake have a configuration for every node (runbook §4.4)?

import { nixFeatures } from "../install/nix-features.ts";
import type { Inventory } from "../inventory/schema.ts";
import { type CheckLine, error, ok, warning } from "./line.ts";
import { endOf, fetchMs } from "./programs.ts";
import type { Surroundings } from "./surroundings.ts";

export async function checkFlake(
  { install, nodes }: Inventory,
  { run }: Pick<Surroundings, "run">,
): Promise<CheckLine> {
  const subject = { area: "nodes" as const, title: "flake" };
  const asked = `${install.flake}#nixosConfigurations`;
  const argv = ["nix", "--extra-experimental-features", nixFeatures, "eval", "--json"];
  const ended = await run([...argv, "--apply", "builtins.attrNames", asked], fetchMs);
  if (ended === undefined)
    return warning(
      subject,
      "there is no nix here to read it with",
      "install nix on this machine: nixos-anywhere needs it as well",
    );
  const names = ended.exitCode === 0 ? readNames(ended.stdout) : undefined;
  if (names === undefined)
    return error(
      subject,
      `${asked} can't be read (${endOf(ended)})`,
      "correct install.flake, or make the tree: rackstrap generate --write",
    );
  const missing = nodes.filter(({ name }) => !names.includes(name)).map(({ name }) => name);
  if (missing.length === 0) return ok(subject, `${install.flake} has every node`);
  return error(
    subject,
    `${install.flake} has no nixosConfigurations for ${missing.join(", ")}`,
    "add them: rackstrap generate --write makes the configuration of every node",
  );
}

function readNames(text: string): readonly string[] | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return Array.isArray(value) ? value.map(String) : undefined;
  } catch {
    return undefined;
  }
}
