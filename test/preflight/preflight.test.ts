import { expect, test } from "vitest";
import type { BmcProbe } from "../../src/bmc/probe.ts";
import type { Inventory } from "../../src/inventory/schema.ts";
import type { Ipv4 } from "../../src/net/ipv4.ts";
import { checkBmcs } from "../../src/preflight/bmcs.ts";
import { checkClock } from "../../src/preflight/clock.ts";
import { checkDiskSpace } from "../../src/preflight/disk-space.ts";
import { checkFlake } from "../../src/preflight/flake.ts";
import { checkInterfaces } from "../../src/preflight/interfaces.ts";
import { checkKeyOwner } from "../../src/preflight/key-owner.ts";
import type { CheckLine } from "../../src/preflight/line.ts";
import { checkNames } from "../../src/preflight/names.ts";
import { checkPorts } from "../../src/preflight/ports.ts";
import { preflight } from "../../src/preflight/preflight.ts";
import { checkRecords } from "../../src/preflight/records.ts";
import { checkRelays } from "../../src/preflight/relays.ts";
import type { Binding, Ended, Surroundings } from "../../src/preflight/surroundings.ts";
import { systemSurroundings } from "../../src/preflight/system.ts";
import { checkWorkstation } from "../../src/preflight/workstation.ts";
import { exampleInventory } from "../fakes/rack.ts";

const example = exampleInventory();
const { production } = example.networks;
const site: Inventory = {
  ...example,
  networks: { ...example.networks, production: { ...production, vips: {} } },
};
const failure = (code: string) => Object.assign(new Error(code), { code });

/** `level title: detail`, and the remedy behind an arrow. */
const texts = (lines: readonly CheckLine[]) =>
  lines.map(
    ({ level, title, detail, next }) =>
      `${level} ${title}: ${detail}${next === undefined ? "" : ` -> ${next}`}`,
  );

test("no line that is not ok lacks a remedy, and no ok line has one", async () => {
  const lines = await preflight(site, nothingWorks, { running: false, tryDefaults: false });
  expect(lines.length).toBeGreaterThan(10);
  expect(lines.filter(({ level, next }) => (level === "ok") !== (next === undefined))).toEqual([]);
});

test("a check that breaks is a line of its own, and the others go on", async () => {
  const done: string[] = [];
  const broken = { ...nothingWorks, interfaces: () => { throw new Error("EPERM"); } }; // biome-ignore format: one line
  const options = { running: true, tryDefaults: false, only: "network" } as const;
  const lines = await preflight(site, broken, options, (name) => done.push(name));
  expect(texts(lines)[0]).toMatch(/^error interfaces: could not be checked: EPERM -> /);
  expect(done.toSorted()).toEqual(["DNS", "clock", "firewall", "interfaces", "relays"]);
});

const nothingWorks: Surroundings = {
  now: () => 0,
  interfaces: () => new Map(),
  bind: async () => ({ kind: "taken" }),
  run: async () => undefined,
  names: () => ({
    addressesOf: () => Promise.reject(failure("ETIMEOUT")),
    namesOf: () => Promise.reject(failure("ETIMEOUT")),
  }),
  clockOffsetMs: async () => undefined,
  freeBytes: async () => 0,
  mode: async () => undefined,
  readText: () => Promise.reject(failure("ENOENT")),
  probeBmc: async () => probe({ reachable: false }),
};

function probe(changes: Partial<BmcProbe>): BmcProbe {
  const login = { user: "admin", works: true };
  return {
    ...{ address: "10.0.10.50", reachable: true, login },
    ...{ verbs: [], defaults: [], warnings: [], ...changes },
  };
}

test.each([
  [
    "is absent",
    new Map([["lo", { addresses: [], carrier: true }]]),
    /^error .*this machine has lo -> /,
  ],
  [
    "has another address",
    new Map([["eth0", { addresses: ["10.0.100.9"], carrier: true }]]),
    /^error .*has 10\.0\.100\.9, and server\.address says 10\.0\.100\.10 -> /,
  ],
  [
    "has no link",
    new Map([["eth0", { addresses: [], carrier: false }]]),
    /^warning interface eth0: has no link -> /,
  ],
  [
    "is well",
    new Map([["eth0", { addresses: ["10.0.100.10"], carrier: true }]]),
    /^ok interface eth0: 10\.0\.100\.10, link up$/,
  ],
] as const)("an interface that %s is said to be", (_, interfaces, expected) => {
  expect(texts(checkInterfaces(site, { interfaces: () => interfaces }))[0]).toMatch(expected);
});

test.each<[string, Binding, RegExp]>([
  ["free", { kind: "free" }, /^ok udp port 69: free on 10\.0\.100\.10 for TFTP$/],
  ["taken", { kind: "taken" }, /^error udp port 69: TFTP needs it .* -> .*ss -lnpu sport = :69/],
  [
    "not for this user",
    { kind: "refused", why: "EACCES" },
    /^warning .*EACCES.* -> .*CAP_NET_BIND_SERVICE/,
  ],
  [
    "on an address that is not here",
    { kind: "refused", why: "EADDRNOTAVAIL" },
    /-> give this machine the address 10\.0\.100\.10$/,
  ],
])("a port that is %s is said to be", async (_, binding, expected) => {
  const bind = async (_protocol: string, _address: string, port: number): Promise<Binding> =>
    port === 69 ? binding : { kind: "free" };
  const lines = texts(await checkPorts(site, { bind }));
  expect(lines).toHaveLength(4);
  expect(lines.find((line) => line.includes("port 69"))).toMatch(expected);
});

function zones(changes: Readonly<Record<string, readonly string[] | Error>>) {
  const right = Object.fromEntries(
    site.nodes.flatMap(({ fqdn, productionAddress }) => [
      [fqdn, [productionAddress]],
      [productionAddress, [fqdn]],
    ]),
  );
  const look = async (key: string) => {
    const found = { ...right, ...changes }[key] ?? failure("ENOTFOUND");
    if (found instanceof Error) throw found;
    return found;
  };
  return { names: () => ({ addressesOf: look, namesOf: look }) };
}

test.each([
  ["agree", {}, [/^ok DNS zones: 4 names and addresses agree$/]],
  [
    "give a node another address",
    { "node01.example.com": ["10.0.200.99"] },
    [
      /^error DNS zones: node01\.example\.com is 10\.0\.200\.99, and the inventory says 10\.0\.200\.10 -> /,
    ],
  ],
  [
    "name another node for an address",
    { "10.0.200.11": ["node01.example.com."] },
    [
      /^error .*10\.0\.200\.11 is node01\.example\.com, and the inventory says node02\.example\.com/,
    ],
  ],
  [
    "lack records",
    { "10.0.200.11": failure("ENOTFOUND"), "node03.example.com": failure("ENODATA") },
    [
      /^warning DNS zones: 10\.0\.200\.11 has no record; node03\.example\.com has no record -> .*generate --only dns/,
    ],
  ],
  [
    "are not answered for",
    { "node01.example.com": failure("ETIMEOUT") },
    [/^error DNS zones: 10\.0\.200\.1, 8\.8\.8\.8 did not answer -> /],
  ],
] as const)("zones that %s are said to", async (_, changes, expected) => {
  const lines = texts(await checkNames(site, zones(changes)));
  expect(lines).toEqual(expected.map((pattern) => expect.stringMatching(pattern)));
});

const timed: Inventory = {
  ...site,
  networks: {
    ...site.networks,
    provisioning: { ...site.networks.provisioning, ntp: ["10.0.100.1" as Ipv4] },
  },
};

test("service addresses are asked for by their names in the domain", async () => {
  const vips = { chainfire: "10.0.200.100" as Ipv4 };
  const networks = { ...site.networks, production: { ...production, vips } };
  const [line] = texts(await checkNames({ ...site, networks }, zones({})));
  expect(line).toMatch(/chainfire\.example\.com has no record; 10\.0\.200\.100 has no record ->/);
});

test.each([
  [0, /^ok clock against 10\.0\.100\.1: this machine is on time$/],
  [-40, /^ok .*40 ms ahead$/],
  [2500, /^warning .*2\.5 s behind -> /],
  [-86_400_000, /^error .*86400\.0 s ahead -> /],
  [undefined, /^error .*does not answer -> /],
])("a clock that is off by %s ms is told", async (offset, expected) => {
  expect(texts(await checkClock(timed, { clockOffsetMs: async () => offset }))[0]).toMatch(
    expected,
  );
});

test("a site without a time server is told to declare one", async () => {
  const lines = await checkClock(site, { clockOffsetMs: () => Promise.reject(new Error("asked")) });
  expect(texts(lines)[0]).toMatch(
    /^warning clock: no NTP server is declared.*networks\.provisioning\.ntp/,
  );
});

test.each([
  [2048, "ok", "ok"],
  [300, "warning", "warning"],
  [100, "warning", "error"],
  [10, "error", "error"],
])("with %s MiB free, state is %s and assets are %s", async (mebibytes, state, assets) => {
  const lines = await checkDiskSpace(site, { freeBytes: async () => mebibytes * 1024 * 1024 });
  expect(lines.map(({ level }) => level)).toEqual([state, assets]);
});

test.each<[string, Partial<BmcProbe>, RegExp[]]>([
  [
    "is away",
    { reachable: false },
    [/^error BMC of node node01: 10\.0\.10\.50 does not answer -> /],
  ],
  ["is well", {}, [/^ok .*answers and takes user admin$/]],
  [
    "refuses its password",
    { login: { user: "admin", works: false, reason: "the password is refused" } },
    [/^error .*refuses user admin: the password is refused -> correct nodes\.node01\.bmc/],
  ],
  [
    "is open to strangers",
    { warnings: ["user ADMIN has the password it was sold with"] },
    [/^ok /, /^warning .*sold with -> .*rackstrap bmc probe node01/],
  ],
])("a BMC that %s is said to be", async (_, changes, expected) => {
  const [node01] = site.nodes;
  if (node01 === undefined) throw new Error("the example site has a node");
  const probeBmc = async () => probe(changes);
  const lines = await checkBmcs({ ...site, nodes: [node01] }, { probeBmc }, false);
  expect(texts(lines)).toEqual(expected.map((pattern) => expect.stringMatching(pattern)));
});

test("machines without a serial number on record are named", () => {
  expect(texts(checkRecords(site))[0]).toMatch(/^warning serial numbers: \d of 4 nodes have none/);
  const nodes = site.nodes.map((node, index) => ({ ...node, serial: `S${index}` }));
  expect(texts(checkRecords({ ...site, nodes }))).toEqual([
    "ok serial numbers: declared for all 4 nodes",
  ]);
});

const ended = (exitCode: number, stdout = "", stderr = ""): Ended => ({ exitCode, stdout, stderr });

test.each([
  ["answers", ended(0), /^ok relay, 10\.9\.9\.1: answers$/],
  [
    "is silent",
    ended(1),
    /^error .*does not answer ping -> .*helper address, which is this server's: 10\.0\.100\.10$/,
  ],
  ["can't be asked", undefined, /^warning .*no ping here/],
])("a relay that %s is said to", async (_, answer, expected) => {
  const relayed = { ...site, dhcp: { ...site.dhcp, relays: ["10.9.9.1" as Ipv4] } };
  expect(texts(await checkRelays(relayed, { run: async () => answer }))[0]).toMatch(expected);
});

/** Answers commands by their first words; a program that is not listed is absent. */
function workstation(programs: Readonly<Record<string, Ended>>, mode: number | undefined = 0o600) {
  const run = async (argv: readonly string[]) =>
    Object.entries(programs).find(([begin]) => argv.join(" ").startsWith(begin))?.[1];
  return { run, mode: async () => mode, readText: async () => "ssh-ed25519 AAAA comment\n" };
}

const names = JSON.stringify(site.nodes.map(({ name }) => name));
const sound = {
  "nix run": ended(0, "Usage: nixos-anywhere --flake"),
  "nix --extra": ended(0, names),
  "ssh-keygen": ended(0, "ssh-ed25519 AAAA\n"),
};

test.each([
  [
    "whole",
    workstation(sound),
    [/^ok nixos-anywhere: runs$/, /^ok flake: .* has every node$/, /^ok SSH key: /],
  ],
  [
    "without nix",
    workstation({ "ssh-keygen": sound["ssh-keygen"] }),
    [
      /^error nixos-anywhere: nix is not in PATH -> install nix/,
      /^warning flake: there is no nix here/,
      /^ok/,
    ],
  ],
  [
    "whose flake lacks a node",
    workstation({ ...sound, "nix --extra": ended(0, '["node01","node03","node04"]') }),
    [/^ok/, /^error flake: .* has no nixosConfigurations for node02 -> /, /^ok/],
  ],
  [
    "whose flake is broken",
    workstation({
      ...sound,
      "nix --extra": ended(1, "", "error: getting status of '/srv': No such file"),
    }),
    [/^ok/, /^error flake: .*can't be read \(with exit code 1: error: getting status/, /^ok/],
  ],
  [
    "cut off from the internet",
    workstation({ ...sound, "nix run": ended(1, "", "unable to download") }),
    [/^error nixos-anywhere: .*ended with exit code 1: unable to download -> /, /^ok/, /^ok/],
  ],
  [
    "whose key is open to others",
    workstation(sound, 0o644),
    [/^ok/, /^ok/, /^error SSH key: .*mode 644.* -> chmod 600/],
  ],
  [
    "whose key has a passphrase",
    workstation({ ...sound, "ssh-keygen": ended(255) }),
    [/^ok/, /^ok/, /^error SSH key: .*needs a passphrase/],
  ],
  [
    "whose public key is another's",
    workstation({ ...sound, "ssh-keygen": ended(0, "ssh-ed25519 BBBB\n") }),
    [/^ok/, /^ok/, /^error SSH key: .*not the public half/],
  ],
] as const)("a workstation that is %s is said to be", async (_, tools, expected) => {
  const [installer, key] = await checkWorkstation(site, tools);
  const lines = texts(
    [installer, await checkFlake(site, tools), key].filter((line) => line !== undefined),
  );
  expect(lines).toEqual(expected.map((pattern) => expect.stringMatching(pattern)));
});

test("programs are asked with the nix features that an install has", async () => {
  const { run } = systemSurroundings(nothingWorks.probeBmc);
  const ended = await run(["sh", "-c", 'echo "$NIX_CONFIG"'], 10_000);
  expect(ended?.stdout).toBe("extra-experimental-features = nix-command flakes\n");
});

test("a key that an install can't give to its owner is an error, and a protected node is never installed", () => {
  const [first, ...others] = site.nodes;
  if (first === undefined) throw new Error("the example site declares no node");
  const owned = (name: string, isProtected = false): Inventory => ({
    ...{ ...site, pki: { ...site.pki, keyOwner: "400:401" } },
    nodes: [{ ...first, name, protected: isProtected }, ...others],
  });
  expect(checkKeyOwner(site)).toEqual([]);
  expect(texts(checkKeyOwner(owned("node0001")))).toEqual(["ok owner of the keys: 400:401"]);
  expect(texts(checkKeyOwner(owned("node-0001")))).toEqual([
    expect.stringMatching(
      /^error owner of the keys: .*node-0001-key\.pem .* -> set pki\.keyOwner: "0:0" .*at most 8 characters$/,
    ),
  ]);
  expect(texts(checkKeyOwner(owned("node-0001", true)))).toEqual(["ok owner of the keys: 400:401"]);
});
