// Commands on an installed node, and what `rackstrap verify` has it do, against a real sshd on loopback.
// Needs the Debian packages openssh-client, openssh-server, iperf3, iputils-ping.

import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { type AddressInfo, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import type { Ipv4 } from "../../src/net/ipv4.ts";
import { createNodeShell, keepNodeKey } from "../../src/operations/node-shell.ts";
import { checkBandwidth } from "../../src/verify/bandwidth.ts";
import { linkLines, linkScript } from "../../src/verify/links.ts";
import { exampleInventory } from "../fakes/rack.ts";

const root = mkdtempSync(join(tmpdir(), "rackstrap-shell-"));
const { signal } = new AbortController();
const inventory = exampleInventory();
const [declared] = inventory.nodes;
if (declared === undefined) throw new Error("the example site declares no node");
const node = { ...declared, productionAddress: "127.0.0.1" as Ipv4 };
let sshd: ChildProcess;
let port: number;
let state: string;

function keygen(name: string): string {
  const file = join(root, name);
  const made = spawnSync("ssh-keygen", ["-q", "-t", "ed25519", "-N", "", "-f", file]);
  expect(made.status).toBe(0);
  return file;
}

const publicKey = (name: string) => readFileSync(join(root, `${name}.pub`), "utf8");

async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port: free } = server.address() as AddressInfo;
  server.close();
  await once(server, "close");
  return free;
}

beforeAll(async () => {
  if (!existsSync("/usr/sbin/sshd"))
    throw new Error("sshd is missing: install the Debian package openssh-server");
  mkdirSync("/run/sshd", { recursive: true, mode: 0o755 });
  for (const name of ["user", "stranger", "host", "other-host"]) keygen(name);
  copyFileSync(join(root, "user.pub"), join(root, "authorized_keys"));
  port = await freePort();
  const config = join(root, "sshd.conf");
  const settings = {
    ...{ ListenAddress: `0.0.0.0:${port}`, HostKey: join(root, "host") },
    ...{ AuthorizedKeysFile: join(root, "authorized_keys"), PidFile: "none", StrictModes: "no" },
    ...{ PasswordAuthentication: "no", KbdInteractiveAuthentication: "no", UsePAM: "no" },
  };
  const lines = Object.entries(settings).map(([key, value]) => `${key} ${value}\n`);
  writeFileSync(config, lines.join(""));
  const stdio = ["ignore", "ignore", "pipe"] as const;
  sshd = spawn("/usr/sbin/sshd", ["-D", "-e", "-f", config], { stdio: [...stdio] });
  for await (const said of sshd.stderr ?? []) if (String(said).includes("Server listening")) break;
});

afterAll(async () => {
  sshd.kill("SIGKILL");
  rmSync(root, { recursive: true });
});

beforeEach(() => {
  state = mkdtempSync(join(root, "state-"));
});

const shellWith = (key = "user", at = port) => createNodeShell(state, join(root, key), at);
const options = { timeoutMs: 20_000 };

test("a command runs on the node that holds the kept host key, and reads what it is given", async () => {
  await keepNodeKey(state, node, publicKey("host"));
  const given = { ...options, input: "from the server" };
  expect(await shellWith().run(node, 'echo "I read: $(cat)"', given, signal)).toEqual({
    ...{ ok: true, stdout: "I read: from the server\n" },
  });
  expect(statSync(join(state, "node-keys", node.name)).mode & 0o777).toBe(0o600);
});

test("a node is known by its key though the site has another domain since", async () => {
  await keepNodeKey(state, node, publicKey("host"));
  const renamed = { ...node, fqdn: "node01.another.example" };
  expect(await shellWith().run(renamed, "true", options, signal)).toMatchObject({ ok: true });
});

test("a node whose host key nobody kept is not even connected to", async () => {
  expect(
    await shellWith("user", await freePort()).run(node, "true", options, signal),
  ).toMatchObject({
    ok: false,
    kind: "unknown-key",
    why: expect.stringContaining(`${state}/node-keys/node01`),
  });
});

test.each<[string, string, string, string]>([
  ["a machine with another host key", "other-host", "user", "host-key-changed"],
  ["a machine that does not know our key", "host", "stranger", "authentication"],
])("%s gets no command", async (_, hostKey, user, kind) => {
  await keepNodeKey(state, node, publicKey(hostKey));
  const touched = join(state, "touched");
  expect(await shellWith(user).run(node, `touch ${touched}`, options, signal)).toMatchObject({
    ...{ ok: false, kind },
  });
  expect(existsSync(touched)).toBe(false);
});

test("a command that fails, one that hangs and a port where nobody listens are told apart", async () => {
  await keepNodeKey(state, node, publicKey("host"));
  const failed = await shellWith().run(node, "echo no such unit >&2; exit 3", options, signal);
  expect(failed).toMatchObject({
    ...{ ok: false, kind: "command" },
    why: expect.stringContaining("exit code 3: no such unit"),
  });
  const hung = await shellWith().run(node, "sleep 60", { timeoutMs: 3000 }, signal);
  expect(hung).toMatchObject({ ok: false, kind: "timeout" });
  const closed = await shellWith("user", await freePort()).run(node, "true", options, signal);
  expect(closed).toMatchObject({ ok: false, kind: "refused" });
});

test("bandwidth is measured by iperf3 from one node to the other, and nothing of it stays", async () => {
  const other = { ...node, name: "node02", productionAddress: "127.0.0.2" as Ipv4 };
  const nodes = [node, other];
  for (const each of nodes) await keepNodeKey(state, each, publicKey("host"));
  const scope = { inventory, nodes, leftOut: [], views: [] };
  const lines = await checkBandwidth(scope, { shell: shellWith() }, signal);
  expect(lines).toMatchObject([
    { level: "ok", detail: expect.stringMatching(/^\d+\.\d\d Gbit\/s; the link does not tell/) },
  ]);
  const listener = createServer().listen(5201, "127.0.0.2");
  await once(listener, "listening");
  listener.close();
});

test("a node that iperf3 can't reach is told with what iperf3 says", async () => {
  const other = { ...node, name: "node02", productionAddress: "127.0.0.9" as Ipv4 };
  for (const each of [node, other]) await keepNodeKey(state, each, publicKey("host"));
  const shell = shellWith();
  const lines = await checkBandwidth(
    { inventory, nodes: [node, other], leftOut: [], views: [] },
    {
      shell: {
        run: async (at, command, ...given) =>
          command === "bash -s"
            ? await shell.run(at, command, ...given)
            : { ok: false, kind: "timeout", why: "no end in time" },
      },
    },
    signal,
  );
  expect(lines).toMatchObject([
    { level: "warning", detail: expect.stringMatching(/^not measured: .*Connection refused$/) },
  ]);
});

test("the script that tries links tells an open port from a closed one, and measures the round trip", async () => {
  await keepNodeKey(state, node, publicKey("host"));
  const peers = [{ node: { ...node, name: "node02" }, ports: [port, await freePort()] }];
  const input = linkScript(peers);
  const answer = await shellWith().run(node, "bash -s", { ...options, input }, signal);
  if (!answer.ok) throw new Error(answer.why);
  const [, closed] = peers[0]?.ports ?? [];
  expect(linkLines(node, peers, answer.stdout)).toMatchObject([
    { level: "error", detail: `node02: ${closed} refused` },
    { level: "ok", detail: expect.stringMatching(/^node02 0\.\d\d ms$/) },
  ]);
});
