// The disks that nix finds in generated files against those of the inventory. There is no nixpkgs here: a flake without
// inputs hands the node's disko.nix on as the module system would.

import { appendFileSync, mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { beforeAll, expect, test } from "vitest";
import { nixosFiles } from "../../src/generate/nixos.ts";
import type { Inventory, Node } from "../../src/inventory/schema.ts";
import { createInstallation } from "../../src/operations/installation.ts";
import type { Ca } from "../../src/pki/ca.ts";
import type { CertificateStore } from "../../src/pki/issued.ts";
import { temporaryDirectory } from "../fakes/temporary-directory.ts";
import { exampleSite, facts, nastySite } from "../generate/nixos-site.ts";
import { requireTools } from "./host.ts";

beforeAll(() => requireTools({ nix: "nix-bin" }));

const { signal } = new AbortController();

/** A flake with the disko.nix of this node as generated, and what it says of a node. */
function site(inventory: Inventory, node: Node) {
  const root = temporaryDirectory();
  const [flake, home] = [join(root, "flake"), join(root, "home")];
  const disko = nixosFiles(inventory, facts).find(
    ({ path }) => path === `nodes/${node.fqdn}/disko.nix`,
  );
  if (disko === undefined) throw new Error(`no disko.nix of ${node.fqdn}`);
  const write = (file: string, text: string) => {
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, text);
  };
  write(join(flake, "disko.nix"), disko.text);
  write(
    join(flake, "flake.nix"),
    `{ outputs = _: { nixosConfigurations."${node.name}".config = import ./disko.nix { }; }; }\n`,
  );
  // A store of its own, which takes the flake.
  const settings = `store = local?root=${join(root, "nix")}\nbuild-users-group =\n`;
  write(join(home, ".config/nix/nix.conf"), settings);
  const given = {
    ...inventory,
    server: { ...inventory.server, stateDirectory: join(root, "state") },
    install: { ...inventory.install, flake },
  };
  const tools = {
    ...{ inventory: given, home, path: process.env["PATH"] ?? "", sshKeyFile: join(root, "key") },
    ...{ now: () => 0, ca: () => ({}) as Ca, certificates: {} as CertificateStore },
  };
  return {
    disko: join(flake, "disko.nix"),
    ask: async (of: Node) => await createInstallation(tools, of, "op-1").flakeDisks(signal),
  };
}

const sites = [exampleSite(), nastySite()];
const nodes = sites.flatMap((inventory) =>
  inventory.nodes.map((node) => [node.name, node.layout.kind, inventory, node] as const),
);

test.each(nodes)(
  "what is generated for node %s (%s) formats what its install approves, and nothing else",
  async (_name, _layout, inventory, node) => {
    const { ask } = site(inventory, node);
    expect(await ask(node)).toMatchObject({ kind: "same" });
    expect(await ask({ ...node, disk: { path: "/dev/other" } })).toMatchObject({
      kind: "failed",
      reason: expect.stringMatching(/ formats \/dev\/.* and the inventory names \/dev\/other/),
    });
    expect(await ask({ ...node, name: "another" })).toMatchObject({
      kind: "failed",
      reason: expect.stringMatching(/can't be read \(error: .*does not provide attribute/),
    });
  },
);

test("a file that is no Nix is refused in the words of nix", async () => {
  const inventory = exampleSite();
  const [node] = inventory.nodes;
  if (node === undefined) throw new Error("the site declares no node");
  const { ask, disko } = site(inventory, node);
  appendFileSync(disko, "}\n");
  expect(await ask(node)).toMatchObject({
    kind: "failed",
    reason: expect.stringMatching(/can't be read \(error: syntax error/),
  });
});
