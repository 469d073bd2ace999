// `rackstrap check` on a machine that has what it looks at: a name server (dnsmasq), a time server (chronyd), rules of nftables
// and of iptables' successor, ports that are taken, a gateway behind a relay. No server runs.
//
//   rck-server                                    rck-world
//   eth0 10.78.0.1/24 ───────────────────────── eth0 10.78.0.53/24, 10.79.0.254/32
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, beforeEach, expect, it } from "vitest";
import type { CheckLine } from "../../src/preflight/line.ts";
import { type Lab, openLab } from "./dhcp-lab/lab.ts";

const main = fileURLToPath(new URL("../../src/cli/main.ts", import.meta.url));
const here = "rck-server";
const world = "rck-world";

let lab: Lab;
let file = "";

beforeAll(async () => {
  lab = await openLab([here, world], {
    ...{ dnsmasq: "dnsmasq-base", chronyd: "chrony", nft: "nftables", ping: "iputils-ping" },
    ...{ "ssh-keygen": "openssh-client" },
  });
  await lab.ip(
    `-n ${here} link add eth0 type veth peer name eth0 netns ${world}`,
    `-n ${here} addr add 10.78.0.1/24 dev eth0`,
    `-n ${world} addr add 10.78.0.53/24 dev eth0`,
    `-n ${world} addr add 10.79.0.254/32 dev eth0`,
    ...[here, world].map((space) => `-n ${space} link set eth0 up`),
    `-n ${here} route add 10.79.0.0/24 via 10.78.0.53`,
  );
  file = join(lab.directory, "site.json");
  mkdirSync(join(lab.directory, "state"));
  writeFileSync(file, JSON.stringify(inventory()));
  const records = [1, 2].map((n) => `--host-record=node0${n}.example.com,10.78.1.${n}`);
  const dns = ["--port=53", "--no-resolv", "--no-hosts", "--listen-address=10.78.0.53"];
  const dnsmasq = lab.start(
    world,
    "dnsmasq",
    "--keep-in-foreground",
    "--log-facility=-",
    ...dns,
    ...records,
  );
  await dnsmasq.said("started");
  // -x: it never touches this machine's clock. A test would not see its own machine's clock be wrong otherwise.
  const conf = join(lab.directory, "chrony.conf");
  const quiet = ["cmdport 0", "bindcmdaddress /", `pidfile ${lab.directory}/chrony.pid`];
  writeFileSync(conf, ["local stratum 3", "allow", "user root", ...quiet].join("\n"));
  const chronyd = lab.start(world, "chronyd", "-d", "-x", "-f", conf);
  await chronyd.said("chronyd version");
});

afterAll(() => lab?.close());
beforeEach(() => lab.run(here, "nft", "flush", "ruleset"));

function inventory() {
  const network = { leaseSeconds: 600, domain: "prov.example.com", dns: ["10.78.0.53"] };
  const node = (n: number) => ({
    ...{ mac: `02:78:00:00:00:0${n}`, profile: "worker", firmware: "uefi", disk: "/dev/sda" },
    ...{ provisioningAddress: `10.78.0.5${n}`, productionAddress: `10.78.1.${n}`, serial: `S${n}` },
    bmc: { address: `10.78.2.${n}`, user: "admin", password: { env: "NO_SUCH_PASSWORD" } },
  });
  return {
    ...{ site: "lab", domain: "example.com", cluster: { name: "lab" } },
    server: {
      ...{ address: "10.78.0.1", interface: "eth0" },
      ...{ stateDirectory: join(lab.directory, "state"), assetDirectory: lab.directory },
    },
    networks: {
      provisioning: {
        cidr: "10.78.0.0/24",
        gateway: "10.78.0.254",
        ntp: ["10.78.0.53"],
        ...network,
      },
      production: { cidr: "10.78.1.0/24", gateway: "10.78.1.254", dns: ["10.78.0.53"] },
      management: { cidr: "10.78.2.0/24" },
    },
    dhcp: { subnets: { far: { cidr: "10.79.0.0/24", gateway: "10.79.0.254" } } },
    install: { command: ["false"], flake: join(lab.directory, "flake") },
    profiles: { worker: { role: "worker" } },
    nodes: { node01: node(1), node02: node(2) },
  };
}

/** The lines of one area, by title. */
async function check(area: string): Promise<Readonly<Record<string, CheckLine>>> {
  const argv = ["--here", "--only", area, "--json", "--inventory", file];
  const { stdout } = await lab
    .run(here, process.execPath, main, "check", ...argv)
    .catch((error: { stdout: string }) => error);
  const { checks } = JSON.parse(stdout) as { checks: CheckLine[] };
  return Object.fromEntries(checks.map((line) => [line.title, line]));
}

it("an interface, names, a clock, a relay and an open firewall that are well are said to be", async () => {
  expect(await check("network")).toMatchObject({
    "interface eth0": { level: "ok", detail: "10.78.0.1, link up" },
    "DNS zones": { level: "ok", detail: "2 names and addresses agree" },
    "clock against 10.78.0.53": { level: "ok", detail: expect.stringMatching(/^this machine is /) },
    "network far, 10.79.0.254": { level: "ok" },
    firewall: { level: "ok", detail: "lets everything in that no rule forbids" },
  });
});

it.each([
  ["udp dport { 67, 69 } accept", "error", /no rule lets in udp 4011 \(PXE\), tcp 8080/],
  ["udp dport { 67, 69, 4011 } accept; tcp dport 8000-8100 accept", "ok", /^lets in udp 67, /],
])("a firewall that drops all but %s is an %s", async (rules, level, detail) => {
  const given = [
    "ct state established accept",
    "udp sport { 53, 123 } accept",
    ...rules.split("; "),
  ];
  const chain = ["type filter hook input priority 0; policy drop;", ...given].join("\n");
  const text = `table inet filter {\nchain input {\n${chain}\n}\n}\n`;
  const script = join(lab.directory, "rules.nft");
  writeFileSync(script, text);
  await lab.run(here, "nft", "-f", script);
  expect(await check("network")).toMatchObject({
    firewall: { level, detail: expect.stringMatching(detail) },
  });
});

it("a dead wire, a silent name server, time server and relay are each told with a remedy", async () => {
  await lab.ip(`-n ${world} link set eth0 down`);
  const lines = await check("network");
  await lab.ip(`-n ${world} link set eth0 up`);
  expect(lines).toMatchObject({
    "interface eth0": { level: "warning", detail: "has no link" },
    "DNS zones": { level: "error", detail: "10.78.0.53 did not answer" },
    "clock against 10.78.0.53": { level: "error", detail: "the NTP server does not answer" },
    "network far, 10.79.0.254": { level: "error", detail: "does not answer ping" },
  });
});

it("ports that are taken are told from free ones", async () => {
  const holder = `const s = require("net").createServer().listen(8080, "10.78.0.1", () => console.log("listens"))`;
  const other = lab.start(here, process.execPath, "-e", holder);
  await other.said("listens");
  const lines = await check("boot-server");
  await other.stop();
  expect(lines).toMatchObject({
    "udp port 67": { level: "ok" },
    "udp port 69": { level: "ok" },
    "tcp port 8080": { level: "error", next: expect.stringContaining("ss -lnpt sport = :8080") },
    "tcp port 8443": { level: "ok" },
  });
});

it("a BMC that is away, a key of this site and a broken installer are told", async () => {
  const ssh = join(lab.directory, "state/ssh");
  mkdirSync(ssh, { recursive: true });
  await lab.run(here, "ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", join(ssh, "id_ed25519"));
  expect(await check("workstation")).toMatchObject({
    "nixos-anywhere": { level: "error", detail: expect.stringContaining("false --help ended") },
    "SSH key": { level: "ok" },
  });
  expect(await check("hardware")).toMatchObject({
    "BMC of node node01": { level: "error", detail: "10.78.2.1 does not answer" },
    "serial numbers": { level: "ok" },
  });
});
