// Every secret of a site, searched for wherever it must not be, while a machine is installed for real and every command and route is
// used: arguments and environments of all processes, logs, answers, what goes over the provisioning network, and what is left on the disk.

import type { ChildProcess } from "node:child_process";
import { createPrivateKey } from "node:crypto";
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, expect, test } from "vitest";
import { operationsAnswer } from "../../src/api/operation-shapes.ts";
import { ensureImages } from "../../vm-harness/images/ensure.ts";
import { runInNamespace, spawnInNamespace } from "../../vm-harness/network.ts";
import { createRack, type Rack } from "../../vm-harness/rack.ts";
import { type RackServer, rackstrap, startServer } from "../../vm-harness/server.ts";
import {
  type Canary,
  createScanner,
  filesBelow,
  findInFiles,
  keyCanaries,
  type Scanner,
  type Seen,
  watchProcesses,
} from "../interop/secret-scan.ts";

const root = join(import.meta.dirname, "../..");
const nodes = ["node01", "node02", "node03", "node04"];

let directory: string;
let rack: Rack;
let server: RackServer;
let capture: ChildProcess;

const at = (...parts: string[]) => join(directory, ...parts);
const state = (...parts: string[]) => at("state", ...parts);
const text = (file: string) => readFileSync(file, "utf8").trim();
const bmcPassword = (name: string) => rack.machine(name).bmcPasswordPath;

/** One password of a BMC for each kind of reference, and one more for the program ipmitool. */
function referTo(inventory: Parameters<Parameters<Rack["writeInventory"]>[0]>[0]) {
  const references = {
    node02: { env: "NODE02_BMC_PASSWORD" },
    node03: { cmd: ["cat", bmcPassword("node03")] },
  };
  for (const [name, password] of Object.entries(references)) {
    const node = inventory.nodes[name];
    if (node !== undefined) node.bmc.password = password;
  }
  // The watch takes its share of the processor.
  const timeouts = { ...inventory.timeouts, diskBootSeconds: 480, joinSeconds: 600 };
  return { ...inventory, timeouts };
}

beforeAll(async () => {
  mkdirSync(join(root, ".state"), { recursive: true });
  directory = mkdtempSync(join(root, ".state/secrets-"));
  rack = await createRack({
    directory,
    images: ensureImages(),
    nodes: [
      { name: "node01", firmware: "bios", bmc: "ipmi-17" },
      { name: "node02", firmware: "bios", bmc: "redfish", memoryMiB: 128 },
      { name: "node03", firmware: "bios", bmc: "ipmi_sim", memoryMiB: 128 },
      { name: "node04", firmware: "bios", bmc: "ipmitool", memoryMiB: 128 },
    ],
  });
  rack.writeInventory(referTo);
  capture = spawnInNamespace(
    rack.namespace,
    ["tcpdump", "-i", "prov", "-s", "0", "-U", "-w", at("prov.pcap"), "-Z", "root"],
    { stdio: "ignore" },
  );
  server = await startServer(rack.namespace, rack.inventoryFile, at("server.log"), {
    NODE02_BMC_PASSWORD: text(bmcPassword("node02")),
    RACKSTRAP_LOG_LEVEL: "trace",
  });
});

afterAll(async () => {
  capture?.kill("SIGINT");
  await server?.stop();
  rack?.close();
  rmSync(directory, { recursive: true, force: true });
});

interface Answer {
  readonly question: string;
  readonly text: string;
}

const answers: Answer[] = [];

async function command(...args: string[]): Promise<string> {
  for (const json of [[], ["--json"]]) {
    const { stdout, stderr } = await rackstrap(rack.namespace, rack.inventoryFile, [
      ...args,
      ...json,
    ]);
    answers.push({ question: `rackstrap ${args.join(" ")}`, text: stdout + stderr });
  }
  return answers.at(-1)?.text ?? "";
}

/** The token goes by standard input: whatever is in curl's arguments is seen by everybody. */
async function request(method: string, url: string, token = "", body = ""): Promise<void> {
  const config = [
    ...(token === "" ? [] : [`header = "authorization: Bearer ${token}"`]),
    ...(body === "" ? [] : ['header = "content-type: application/json"']),
  ].join("\n");
  const data = body === "" ? [] : ["--data", body];
  const { stdout, stderr } = await runInNamespace(
    rack.namespace,
    ["curl", "-sS", "--max-time", "5", "-i", "-X", method, "--config", "-", ...data, url],
    { input: `${config}\n` },
  );
  answers.push({ question: `${method} ${url}`, text: stdout + stderr });
}

const reading = [
  "check --server|nodes|discovered|leases --all|explain node01|explain 52:54:00:00:00:01|events|events node01",
  "power status all|power plan on all|power show|cluster status|certs list --all|certs status|certs rotate --ca|operations list|assets list|assets verify",
  "bmc info node01|bmc sensors node02|bmc events node03|bmc boot node02|bmc probe 10.0.10.0/24|bmc identify node01 --seconds 1",
  "render node01|render node01 --diff|render node01 cluster-config|console node01 --log|help|no-such-command",
].flatMap((line) => line.split("|").map((each) => each.split(" ")));

async function useEverything(operation: string): Promise<void> {
  for (const args of reading) await command(...args);
  await command("operations", "show", operation);
  await command("power", "off", "node02", "node03", "node04");
  const token = text(state("api-token"));
  const api = "http://127.0.0.1:8443";
  const gets = [
    "nodes|nodes/node01/events|discovered|leases|explain/node01|events|render/node01/boot|check|certificates|certificates/status|cluster|operations",
    "nodes/node01/bmc|nodes/node01/bmc/sensors|nodes/node01/bmc/events|nodes/node02/bmc/media|nodes/node01/console/log|power",
    `operations/${operation}|nodes/none/bmc|power/none|none|nodes/node01/console`,
  ].flatMap((line) => line.split("|"));
  for (const path of gets) await request("GET", `${api}/api/${path}`, token);
  await request("GET", `${api}/metrics`, token);
  await request("GET", `${api}/api/nodes`, "wrong");
  await request("GET", `${api}/api/nodes`);
  const order = '{"verb":"provision","nodes":["none"]}';
  for (const path of ["plans", "operations"])
    await request("POST", `${api}/api/${path}`, token, order);
  await request("POST", `${api}/api/power`, token, '{"bad":1}');
  await request("POST", `${api}/api/bmc/probe`, token, '{"target":"node01"}');
  await request("PUT", `${api}/api/nodes/node02/bmc/boot`, token, '{"device":"none"}');
  const { mac } = rack.machine("node01");
  const plane = "http://10.0.100.10:8080";
  const own = ["boot.ipxe", "cluster-config.json", "keys.cpio.gz", "report?stage=x", "../../state"];
  for (const path of [
    ...["/health", "/boot/ipxe/boot.ipxe", "/boot/ipxe.efi", "/boot/none", "/state/api-token"],
    ...["/boot/..%2f..%2fstate%2fapi-token", "/boot/nixos/control-plane/..%2f..%2f..%2fstate"],
    ...own.map((name) => `/boot/nodes/${mac}/${name}`),
  ])
    await request("GET", `${plane}${path}`);
}

/** Errors say the most: passwords that are refused, and secrets that can't be read. */
async function failAtEverything(): Promise<void> {
  for (const name of nodes) writeFileSync(bmcPassword(name), "wrong-12345\n");
  await command("power", "status", ...nodes);
  for (const name of nodes) rmSync(bmcPassword(name));
  await command("power", "status", ...nodes);
  await command("check", "--server");
}

/** What was made for the node alone, read before the installation has taken it away. */
async function nodeKeys(operation: string): Promise<Canary[]> {
  const run = state("runs", operation);
  const secrets = join(run, "extra-files/etc");
  for (let tries = 0; tries < 3000; tries++) {
    try {
      return [
        ...keyCanaries("key of node01", text(join(secrets, "nixos/secrets/node01-key.pem"))),
        ...keyCanaries("SSH host key", text(join(secrets, "ssh/ssh_host_ed25519_key"))),
        ...keyCanaries("installer's host key", text(join(run, "installer-host-key"))),
      ];
    } catch {
      await sleep(100);
    }
  }
  throw new Error("the node's keys were never seen");
}

async function ended(operation: string): Promise<string> {
  for (let tries = 0; tries < 540; tries++) {
    const { stdout } = await rackstrap(rack.namespace, rack.inventoryFile, [
      ...["operations", "list", "--json"],
    ]);
    const { operations } = operationsAnswer.parse(JSON.parse(stdout));
    const found = operations.find(({ id }) => id === operation);
    if (found !== undefined && found.status !== "running")
      return `${found.status} ${JSON.stringify(found.failure ?? "")}`;
    await sleep(2000);
  }
  return "still running";
}

function siteCanaries(): Canary[] {
  const caKey = createPrivateKey({
    key: text(state("pki/ca-key.pem")),
    passphrase: text(at("ca-passphrase")),
  });
  const caPem = caKey.export({ type: "pkcs8", format: "pem" }).toString();
  return [
    ...nodes.map((name) => ({ name: `BMC password of ${name}`, value: text(bmcPassword(name)) })),
    { name: "passphrase of the CA", value: text(at("ca-passphrase")) },
    ...keyCanaries("key of the CA", caPem),
    ...keyCanaries("provisioning key", text(at("provisioning-key"))),
    { name: "API token", value: text(state("api-token")) },
    { name: "boot nonce key", value: text(state("boot-nonce-key")) },
  ];
}

/** The processes that may know a secret, by the environment that nobody else can read. */
function mayKnow({ where, pid, argv }: Seen, found: readonly string[]): boolean {
  if (where !== "environ") return false;
  // A variable that the inventory refers to is the server's, and that of the program it asks for another secret.
  const referred = found.every((name) => name === "BMC password of node02");
  if (referred && (pid === server.pid || argv.startsWith("cat ") || argv.includes(" serve ")))
    return true;
  return found.every((name) => name === "BMC password of node04") && /^\[?ipmitool\b/.test(argv);
}

/** The control: each secret, in a file that is then searched. */
function seesAll(scanner: Scanner, canaries: readonly Canary[]): boolean {
  const file = at("control");
  return canaries.every(({ name, value }) => {
    writeFileSync(file, `x${Buffer.from(value).toString("base64")}x`);
    return findInFiles(scanner, file)[file]?.includes(name);
  });
}

test("no secret is in an argument, a foreign environment, a log, an answer, on the provisioning network, or left behind", {
  timeout: 20 * 60_000,
}, async () => {
  const site = siteCanaries();
  const stop = new AbortController();
  const watching = watchProcesses(stop.signal, 25);
  const { stdout } = await rackstrap(rack.namespace, rack.inventoryFile, [
    ...["provision", "--execute", "--detach", "node01", "--json"],
  ]);
  const operation = operationsAnswer.parse(JSON.parse(stdout)).operations[0]?.id ?? "";
  const canaries = [...site, ...(await nodeKeys(operation))];
  const scanner = createScanner(canaries);
  expect(await ended(operation)).toBe('done ""');
  await useEverything(operation);
  await failAtEverything();
  stop.abort();
  const { seen, looks } = await watching;
  await server.stop();

  expect.soft(seesAll(scanner, canaries)).toBe(true);
  expect.soft(looks).toBeGreaterThan(1000);
  const holding = seen
    .map((each) => ({ each, found: scanner.find(each.content) }))
    .filter(({ found }) => found.length > 0);
  // That these are seen shows that the watch sees.
  const known = holding.filter(({ each, found }) => mayKnow(each, found));
  expect
    .soft(new Set(known.flatMap(({ found }) => found)))
    .toEqual(new Set(["BMC password of node02", "BMC password of node04"]));
  const others = holding.filter((each) => !known.includes(each));
  expect
    .soft(others.map(({ each, found }) => `${found}: ${each.where} of ${each.argv}`))
    .toEqual([]);

  expect.soft(answers.length).toBeGreaterThan(100);
  const told = answers.filter((answer) => scanner.find(answer.text).length > 0);
  expect.soft(told.map(({ question }) => question)).toEqual([]);
  expect.soft(findInFiles(scanner, at("server.log"))).toEqual({});
  expect.soft(statSync(at("prov.pcap")).size).toBeGreaterThan(10_000_000);
  expect.soft(findInFiles(scanner, at("prov.pcap"))).toEqual({});
  expect.soft(readdirSync(state("runs", operation))).toContain("placed-files.json");
  expect.soft(filesBelow(state()).length).toBeGreaterThan(10);
  // Each of these two is the secret itself, for the server's user alone.
  expect.soft(findInFiles(scanner, state())).toEqual({
    [state("api-token")]: ["API token"],
    [state("boot-nonce-key")]: ["boot nonce key"],
  });
  expect.soft(statSync(state()).mode & 0o777).toBe(0o700);
  for (const file of ["api-token", "boot-nonce-key", "pki/ca-key.pem", "rackstrap.db"])
    expect.soft(statSync(state(file)).mode & 0o077, file).toBe(0);
});
