// The generated NixOS configuration, read by nix itself. There is no nixpkgs here: where a module needs its lib, a stub of it
// stands in (test/fixtures/generate/stubs), which knows options by name alone.

import { execFile } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { promisify } from "node:util";
import { beforeAll, expect, test } from "vitest";
import type { NixosFacts } from "../../src/generate/facts.ts";
import { printNix } from "../../src/generate/nix.ts";
import { nixosFiles } from "../../src/generate/nixos.ts";
import type { Inventory } from "../../src/inventory/schema.ts";
import { seededRandom } from "../fakes/seeded-random.ts";
import { temporaryDirectory } from "../fakes/temporary-directory.ts";
import { exampleSite, facts, nastySite } from "../generate/nixos-site.ts";
import { ip, removeNamespaces, requireTools } from "./host.ts";
import { openNix } from "./nix.ts";

const run = promisify(execFile);
const fixtures = join(import.meta.dirname, "../fixtures/generate");
const stubs = join(fixtures, "stubs");

beforeAll(() => requireTools({ "nix-instantiate": "nix-bin", nft: "nftables", ip: "iproute2" }));

/** Writes the tree of a site and gives its folder, and all of its files of Nix. */
function written(inventory: Inventory, known: NixosFacts = facts) {
  const root = temporaryDirectory();
  const files = nixosFiles(inventory, known);
  for (const { path, text } of files) {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), text);
  }
  const nixFiles = files.filter(({ path }) => path.endsWith(".nix"));
  return { root, files, nixFiles: nixFiles.map(({ path }) => join(root, path)) };
}

const nix = () => openNix(temporaryDirectory());
const node01 = "nodes/node01.example.com";
/** A module called as the runbook's listing can be: its arguments are not looked at. */
const called = (file: string) => `import ${file} { config = { }; pkgs = { }; lib = { }; }`;

test.each([
  ["the example site", exampleSite],
  ["the nasty site", nastySite],
  ["the nasty site without zones", () => withoutZones(nastySite())],
])("nix reads every file of %s", async (_name, site) => {
  await nix().parse(written(site()).nixFiles);
});

const withoutZones = (site: Inventory): Inventory => ({
  ...site,
  firewall: { ...site.firewall, zones: false },
});

test("a text comes out of Nix as it went in, whatever it holds", async () => {
  const below = seededRandom(26);
  const pieces = [
    "${",
    "$${",
    "''",
    "'''",
    "''${",
    '"',
    "\\",
    "\n",
    "\r",
    "\t",
    " ",
    "$",
    "{",
    "}",
    "a",
    "'",
    "é",
    "\u2028",
    "\u{1f680}",
    "#",
    "*/",
    "\\n",
    ";",
  ];
  const texts = Array.from({ length: 5000 }, () =>
    Array.from({ length: below(12) }, () => pieces[below(pieces.length)]).join(""),
  );
  const lines = texts.map((text) => `${text}\n`);
  const names = Object.fromEntries([...new Set(texts)].map((text, index) => [text, index]));
  const value = { texts, lines, names, sets: { if: { or: -1 }, "a.b": [0.1, -2.5e-9, 1e15] } };
  const root = temporaryDirectory();
  writeFileSync(join(root, "value.nix"), printNix(value));
  expect(await nix().evaluate(`import ${root}/value.nix`)).toEqual(value);
});

test("disko.nix of node01 means what the runbook's listing means", async () => {
  const { root } = written(exampleSite());
  const ours = await nix().evaluate(`import ${root}/${node01}/disko.nix { }`);
  expect(ours).toEqual(await nix().evaluate(`import ${fixtures}/runbook/disko.nix { }`));
  const other = `import ${root}/${node01}/disko.nix { disks = [ "/dev/nvme0n1" ]; }`;
  expect(await nix().evaluate(other)).toMatchObject({
    disko: { devices: { disk: { main: { device: "/dev/nvme0n1" } } } },
  });
});

test.each([
  ["node01", "10.0.100.50", "10.0.200.10"],
  ["node02", "10.0.100.51", "10.0.200.11"],
  ["node03", "10.0.100.52", "10.0.200.12"],
])(
  "configuration.nix of %s has all that the runbook's listing has",
  async (name, first, second) => {
    const { root } = written(exampleSite());
    const folder = `${root}/nodes/${name}.example.com`;
    // The listing stands where the file stands, so that both name their imports from there.
    const listing = (await nix().evaluate(
      `builtins.readFile ${fixtures}/runbook/configuration.nix`,
    )) as string;
    const own = listing
      .replaceAll("node01", name)
      .replace("10.0.100.50", first)
      .replace("10.0.200.10", second);
    writeFileSync(`${folder}/listing.nix`, own);
    const evaluated = (file: string) =>
      nix().evaluate(
        `let it = ${called(`${folder}/${file}`)}; in it // { imports = map toString it.imports; }`,
      );
    const expected = await evaluated("listing.nix");
    expect(expected).toMatchObject({ imports: { length: 4 }, services: { iam: { port: 8080 } } });
    expect(await evaluated("configuration.nix")).toMatchObject(expected as object);
  },
);

const flakeWith = (root: string, what: string) => `
  let
    flake = import ${root}/flake.nix;
    nixpkgs.lib.nixosSystem = { modules }: { config.modules = modules; };
    disko.nixosModules.disko = "disko";
    outputs = flake.outputs { self = outputs; inherit nixpkgs disko; };
  in ${what}`;

test.each([exampleSite, nastySite])(
  "the flake has a configuration for every node",
  async (site) => {
    const inventory = site();
    const { root, files } = written(inventory);
    const names = await nix().evaluate(
      flakeWith(root, "builtins.attrNames outputs.nixosConfigurations"),
    );
    expect(names).toEqual(inventory.nodes.map(({ name }) => name).toSorted());
    const modules = (await nix().evaluate(
      flakeWith(
        root,
        "builtins.mapAttrs (_: node: map toString node.config.modules) outputs.nixosConfigurations",
      ),
    )) as Record<string, string[]>;
    const paths = files.map(({ path }) => `${root}/${path}`);
    for (const { name, fqdn } of inventory.nodes) {
      expect(modules[name]).toContain(`${root}/nodes/${fqdn}/configuration.nix`);
      expect(modules[name]?.filter((path) => path !== "disko" && !paths.includes(path))).toEqual(
        [],
      );
    }
  },
);

test("the flake takes in what the site has written beside the tree", async () => {
  const { root } = written(exampleSite());
  const own = [
    "site/default.nix",
    "site/services.nix",
    "site/profiles/worker.nix",
    "nodes/node04.example.com/local.nix",
  ];
  for (const path of own) {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), "{ }\n");
  }
  const modules = (name: string) =>
    nix().evaluate(
      flakeWith(root, `map toString outputs.nixosConfigurations.${name}.config.modules`),
    );
  expect(await modules("node04")).toEqual(
    expect.arrayContaining(own.map((path) => `${root}/${path}`)),
  );
  expect(await modules("node04")).not.toContain(`${root}/modules/cluster-services.nix`);
  expect(await modules("node01")).not.toContain(`${root}/site/profiles/worker.nix`);
});

test("the flake refuses a key that lies in it, and takes what is public", async () => {
  const { root } = written(exampleSite());
  const secrets = join(root, node01, "secrets");
  mkdirSync(secrets);
  const modules = (name: string) =>
    nix().evaluate(
      flakeWith(root, `builtins.length outputs.nixosConfigurations.${name}.config.modules`),
    );
  for (const name of ["cluster-config.json", "ca-cert.pem", "node01-cert.pem"])
    writeFileSync(join(secrets, name), "");
  expect(await modules("node01")).toBe(5);
  writeFileSync(join(secrets, "node01-key.pem"), "");
  await expect(modules("node01")).rejects.toThrow(
    "nodes/node01.example.com/secrets/node01-key.pem would be copied into the Nix store",
  );
  expect(await modules("node02")).toBe(5);
});

const nodeModules = (root: string, fqdn: string, more = "{ }") => `
  let
    lib = import ${stubs}/lib.nix;
    system = lib.evalModules {
      pkgs = import ${stubs}/pkgs.nix;
      options = import ${stubs}/nixos-options.nix;
      modules = [
        ${root}/modules/first-boot-automation.nix
        ${root}/modules/interface-names.nix
        ${root}/modules/cluster-services.nix
        ${root}/nodes/${fqdn}/configuration.nix
        { services = lib.genAttrs [ "chainfire" "flaredb" "iam" "plasmavmc" "prismnet" "flashdns" "fiberlb" "k8shost" ] (name: { package = { outPath = "/nix/store/\${name}"; }; }); }
        (${more})
      ];
    };
    failed = map (assertion: assertion.message) (lib.filter (assertion: !assertion.assertion) system.config.assertions);
  in`;

test.each([
  ["the example site", exampleSite],
  ["the nasty site", nastySite],
])("all modules of each node of %s fit together", async (_name, site) => {
  const inventory = site();
  const { root } = written(inventory);
  for (const node of inventory.nodes) {
    const value = (await nix().evaluate(`${nodeModules(root, node.fqdn)} {
      inherit failed;
      inherit (system.config.rackstrap) profile role interfaceNames;
      disks = map (disk: disk.device) (builtins.attrValues system.config.disko.devices.disk);
      units = builtins.attrNames system.config.systemd.services;
      etc = builtins.attrNames system.config.environment.etc;
      rules = system.config.networking.firewall.extraInputRules;
      journal = system.config.services.journald.extraConfig;
      everything = builtins.length (builtins.attrNames (builtins.fromJSON (builtins.toJSON (removeAttrs system.config [ "_module" "systemd" "environment" ]))));
    }`)) as { units: string[]; everything: number };
    expect(value, node.name).toMatchObject({
      failed: [],
      profile: node.profile,
      role: node.role,
      disks: node.layout.kind === "mirror" ? { length: 2 } : { length: 1 },
      journal: "Storage=persistent\nMaxRetentionSec=7day\n",
      etc: node.services.map((name) => `nixos/${name}.toml`).toSorted(),
    });
    expect(value.units).toEqual(
      [
        ...node.services,
        ...node.services
          .filter((name) => name === "chainfire" || name === "flaredb")
          .map((name) => `${name}-cluster-join`),
        "interface-names",
      ].toSorted(),
    );
  }
});

interface Partition {
  readonly type?: string;
  readonly content?: { readonly type: string; readonly mountpoint?: string };
}

test("every disk of every layout has what its firmware starts from, and there is one root", async () => {
  const { root } = written(nastySite());
  for (const { fqdn, firmware, layout } of nastySite().nodes) {
    const value = await nix().evaluate(`import ${root}/nodes/${fqdn}/disko.nix { }`);
    const { disk } = (value as { disko: { devices: { disk: Record<string, unknown> } } }).disko
      .devices;
    expect(Object.keys(disk)).toEqual(layout.kind === "mirror" ? ["main", "second"] : ["main"]);
    for (const each of Object.values(disk)) {
      const { partitions } = (each as { content: { partitions: Record<string, Partition> } })
        .content;
      const types = Object.values(partitions).flatMap(({ type }) => type ?? []);
      expect(types, fqdn).toContain(firmware === "bios" ? "EF02" : "EF00");
    }
    const roots = JSON.stringify(value).match(/"mountpoint":"\/"/g);
    expect(roots, fqdn).toHaveLength(1);
    const devices = Object.values(disk).map((each) => (each as { device: string }).device);
    expect(new Set(devices).size).toBe(devices.length);
  }
});

test("the disk of disko.nix is the inventory's, for a module does not see its own default", async () => {
  const { root } = written(exampleSite());
  const device = "system.config.disko.devices.disk.main.device";
  expect(await nix().evaluate(`${nodeModules(root, "node04.example.com")} ${device}`)).toBe(
    "/dev/nvme0n1",
  );
  writeFileSync(join(root, node01, "hardware.nix"), "{ }");
  // The runbook's tree as it stands ends here.
  await expect(
    nix().evaluate(`${nodeModules(root, "node01.example.com")} ${device}`),
  ).rejects.toThrow(/attribute 'disks' missing/);
});

test("first boot says what is wrong with its settings, and hands its limits to the units", async () => {
  const { root } = written(exampleSite());
  const having = (more: string, what: string) =>
    nix().evaluate(`${nodeModules(root, "node04.example.com", more)} ${what}`);
  const inStore = `{ lib, ... }: { services.first-boot-automation.configFile = lib.mkForce "/nix/store/x/cluster-config.json"; }`;
  expect(await having(inStore, "failed")).toEqual([
    expect.stringContaining(
      "give the path that the file has on the node, as a text and outside the Nix store",
    ),
  ]);
  const stopped = "{ lib, ... }: { services.flaredb.enable = lib.mkForce false; }";
  expect(await having(stopped, "failed")).toEqual([
    expect.stringContaining("waits for flaredb, which this node does not run"),
  ]);
  const wrong = "{ services.first-boot-automation.healthTimeoutSeconds = 0; }";
  await expect(
    having(wrong, "system.config.systemd.services.chainfire-cluster-join"),
  ).rejects.toThrow(/no positive number/);
  expect(await having("{ }", "system.config.systemd.services.chainfire-cluster-join")).toEqual({
    wantedBy: ["multi-user.target"],
    environment: {
      ...{ HEALTH_TIMEOUT: "120", JOIN_TIMEOUT: "300", VOTER_TIMEOUT: "300" },
      ...{ API_PORT: "2379", RAFT_PORT: "2380" },
    },
  });
  const own =
    "{ lib, ... }: { services.flaredb = { port = lib.mkForce 12479; raftPort = lib.mkForce 12480; }; }";
  expect(
    await having(own, "system.config.systemd.services.flaredb-cluster-join.environment"),
  ).toMatchObject({ API_PORT: "12479", RAFT_PORT: "12480" });
});

test("a misspelt option in a generated file would be noticed here", async () => {
  const { root } = written(exampleSite());
  const wrong = "{ boot.loader.grubb.enable = true; }";
  const value = `${nodeModules(root, "node01.example.com", wrong)} system.config.boot`;
  await expect(nix().evaluate(value)).rejects.toThrow(
    /boot\.loader\.grubb is defined and no option/,
  );
});

test("a service without a package is told, with the two ways to give it one", async () => {
  const { root } = written(exampleSite());
  const none = "{ lib, ... }: { services.iam.package = lib.mkForce null; }";
  expect(await nix().evaluate(`${nodeModules(root, "node01.example.com", none)} failed`)).toEqual([
    "services.iam has no package: set services.iam.package in site/default.nix, or import the site's own module for it in site/services.nix",
  ]);
});

test.each([
  ["the runbook's rules", exampleSite],
  ["zones", nastySite],
  ["rules for all", () => withoutZones(nastySite())],
])("nft takes %s", async (_name, site) => {
  const inventory = site();
  const { root } = written(inventory);
  for (const { fqdn } of inventory.nodes) {
    const rules = await nix().evaluate(
      `(${called(`${root}/nodes/${fqdn}/configuration.nix`)}).networking.firewall.extraInputRules`,
    );
    const file = join(root, "rules.nft");
    writeFileSync(file, `table inet filter {\nchain input {\n${rules}}\n}\n`);
    await run("unshare", ["--net", "nft", "--check", "--file", file]);
  }
});

test("cards get their names by MAC, also when they have each other's", async () => {
  const space = "rs-names";
  const script = join(import.meta.dirname, "../../templates/nixos/interface-names.sh");
  const cards = { eth0: "52:54:00:00:00:0a", eth1: "52:54:00:00:00:0b", eth2: "52:54:00:00:00:0c" };
  const inside = (...command: string[]) => run("ip", ["netns", "exec", space, ...command]);
  const named = async (...wanted: string[]) => {
    const { stderr } = await inside("bash", script, ...wanted);
    const { stdout } = await inside("ip", "-json", "link", "show", "type", "veth");
    const links = JSON.parse(stdout) as { ifname: string; address: string }[];
    const macs = Object.values(cards);
    const seen = links.filter(({ address }) => macs.includes(address));
    return {
      stderr,
      names: Object.fromEntries(seen.map((link) => [link.address.slice(-1), link.ifname])),
    };
  };
  await removeNamespaces(space);
  await ip(`netns add ${space}`);
  try {
    for (const [name, mac] of Object.entries(cards))
      await inside(
        "ip",
        ..."link add".split(" "),
        name,
        "address",
        mac,
        "type",
        "veth",
        "peer",
        "name",
        `p${name}`,
      );
    // A card in no list takes the name that is left.
    expect((await named(`eth0=${cards.eth1}`)).names).toEqual({ a: "eth1", b: "eth0", c: "eth2" });
    const all = [`eth0=${cards.eth2}`, `eth1=${cards.eth1}`, `eth2=${cards.eth0}`];
    expect((await named(...all)).names).toEqual({ a: "eth2", b: "eth1", c: "eth0" });
    expect(await named(...all)).toEqual({ stderr: "", names: { a: "eth2", b: "eth1", c: "eth0" } });
    const missing = await named(`lan0=${cards.eth2}`, "eth1=52:54:00:00:00:ff");
    expect(missing.names).toEqual({ a: "eth2", b: "eth1", c: "lan0" });
    expect(missing.stderr).toBe("no card has the MAC 52:54:00:00:00:ff of eth1\n");
  } finally {
    await removeNamespaces(space);
  }
});
