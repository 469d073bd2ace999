// The installer's identification and the pinned ssh of a run, against a real sshd on loopback. The sshd
// lives in a mount namespace of its own whose /etc/os-release is an installer's.
// Needs the Debian packages openssh-client, openssh-server, util-linux.

import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { createServer } from "node:net";
import { networkInterfaces, tmpdir } from "node:os";
import { join } from "node:path";
import { createServer as createTlsServer } from "node:tls";
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from "vitest";
import { identifyInstaller, nameDisks } from "../../src/install/identify.ts";
import { keepJournal } from "../../src/install/journal.ts";
import { openRun } from "../../src/install/run.ts";
import { checkHostKey, pinHostKey, runOverSsh, SshError } from "../../src/install/ssh.ts";
import type { Ipv4 } from "../../src/net/ipv4.ts";
import { type Mac, parseMac } from "../../src/net/mac.ts";
import { createInstallation, installerHostKey } from "../../src/operations/installation.ts";
import { lookAtFiles } from "../../src/operations/issued-files.ts";
import { type Ca, loadOrCreateCa } from "../../src/pki/ca.ts";
import { issueNodeCertificate } from "../../src/pki/issue.ts";
import type { CertificateStore } from "../../src/pki/issued.ts";
import { createCertificateStore } from "../../src/store/certificates.ts";
import { openDatabase } from "../../src/store/database.ts";
import { exampleInventory } from "../fakes/rack.ts";

const root = mkdtempSync(join(tmpdir(), "rackstrap-ssh-"));
const { signal } = new AbortController();
const sshds: ChildProcess[] = [];
let port: number;
let directory: string;

function requireTool(tool: string, debianPackage: string) {
  if (spawnSync("sh", ["-c", `PATH=$PATH:/usr/sbin command -v ${tool}`]).status !== 0)
    throw new Error(`${tool} is missing: install the Debian package ${debianPackage}`);
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await new Promise((resolve) => server.once("listening", resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  if (address === null || typeof address === "string") throw new Error("no port");
  return address.port;
}

function keygen(name: string) {
  const file = join(root, name);
  const made = spawnSync("ssh-keygen", ["-q", "-t", "ed25519", "-N", "", "-C", name, "-f", file]);
  expect(made.status).toBe(0);
  return file;
}

/** Starts an sshd whose machine calls itself what `osRelease` says, and waits until its port is open. */
async function startSshd(hostKey: string, osRelease: string, listen: number) {
  const release = join(root, `os-release-${sshds.length}`);
  writeFileSync(release, osRelease);
  const config = join(root, `sshd-${sshds.length}.conf`);
  writeFileSync(
    config,
    `ListenAddress 127.0.0.1:${listen}
HostKey ${hostKey}
AuthorizedKeysFile ${join(root, "authorized_keys")}
PidFile none
StrictModes no
PasswordAuthentication no
KbdInteractiveAuthentication no
UsePAM no
`,
  );
  const inside =
    'mount --bind "$1" "$(readlink -f /etc/os-release)" && exec /usr/sbin/sshd -D -e -f "$2"';
  const args = ["--mount", "sh", "-c", inside, "sshd", release, config];
  const sshd = spawn("unshare", args, { stdio: ["ignore", "ignore", "pipe"] });
  sshds.push(sshd);
  await new Promise<void>((resolve, reject) => {
    let said = "";
    sshd.stderr?.on("data", (data: Buffer) => {
      said += data.toString();
      if (said.includes("Server listening")) resolve();
    });
    sshd.once("exit", () => reject(new Error(`sshd ended: ${said}`)));
  });
  return sshd;
}

async function end(sshd: ChildProcess) {
  if (sshd.exitCode !== null || sshd.signalCode !== null) return;
  const ended = new Promise((resolve) => sshd.once("exit", resolve));
  sshd.kill("SIGKILL");
  await ended;
}

const installerRelease = 'ID=nixos\nVARIANT_ID=installer\nPRETTY_NAME="NixOS installer"\n';
const installedRelease = 'ID=nixos\nPRETTY_NAME="NixOS 24.11"\n';

beforeAll(async () => {
  requireTool("ssh", "openssh-client");
  requireTool("sshd", "openssh-server");
  for (const tool of ["unshare", "lsblk"]) requireTool(tool, "util-linux");
  requireTool("losetup", "mount");
  mkdirSync("/run/sshd", { recursive: true, mode: 0o755 });
  for (const name of ["user", "stranger", "host", "other-host"]) keygen(name);
  copyFileSync(join(root, "user.pub"), join(root, "authorized_keys"));
  port = await freePort();
  await startSshd(join(root, "host"), installerRelease, port);
});

afterAll(async () => {
  for (const sshd of sshds) await end(sshd);
  rmSync(root, { recursive: true });
});

beforeEach(() => {
  directory = mkdtempSync(join(root, "run-"));
});

afterEach(async () => {
  await openRun(directory).stop(0);
});

const ownMac = Object.values(networkInterfaces())
  .flatMap((addresses) => addresses ?? [])
  .map(({ mac }) => parseMac(mac))
  .find((mac) => mac !== undefined && mac !== "00:00:00:00:00:00");

function query(over: Partial<Parameters<typeof identifyInstaller>[0]> = {}) {
  return {
    address: "127.0.0.1",
    port,
    keyFile: join(root, "user"),
    knownHostsFile: join(directory, "known_hosts"),
    expectedMac: ownMac ?? ("02:00:00:00:00:01" as Mac),
    ...over,
  };
}

const target = (over: object = {}) => ({ ...query(), user: "root", ...over });
const pinned = () => existsSync(join(directory, "known_hosts"));

test("a disk gets its name on the installer, twice with the same end, and a name that leads elsewhere is told of", async () => {
  const image = join(directory, "disk.raw");
  writeFileSync(image, Buffer.alloc(1 << 20));
  const made = spawnSync("losetup", ["--find", "--show", image], { encoding: "utf8" });
  expect(made.stderr).toBe("");
  const device = made.stdout.trim();
  try {
    await identifyInstaller(query(), signal);
    const link = { path: join(directory, "by-rackstrap/install"), device, made: true };
    for (const _ of [1, 2])
      expect(await nameDisks(query(), [link], signal)).toEqual({ kind: "named" });
    expect(readlinkSync(link.path)).toBe(device);
    const own = { ...link, made: false, device: "/dev/sdz" };
    expect(await nameDisks(query(), [own], signal)).toMatchObject({
      kind: "differs",
      why: expect.stringContaining(`leads to ${device}, and the disk that was found is /dev/sdz`),
    });
    const absent = { path: "/dev/it's not there", device, made: false };
    expect(await nameDisks(query(), [link, absent], signal)).toMatchObject({
      kind: "differs",
      why: expect.stringContaining("leads to no disk"),
    });
    const silent = { ...query(), port: await freePort() };
    expect((await nameDisks(silent, [link], signal)).kind).toBe("unanswered");
  } finally {
    spawnSync("losetup", ["--detach", device]);
  }
});

test("the installer is recognised, its host key pinned, and recognised again", async () => {
  for (const _ of [1, 2]) {
    const identification = await identifyInstaller(query(), signal);
    expect(identification).toMatchObject({
      kind: "installer",
      facts: { system: "NixOS installer", macs: expect.arrayContaining([ownMac]) },
    });
  }
  const [, key] = readFileSync(join(root, "host.pub"), "utf8").split(" ");
  expect(readFileSync(join(directory, "known_hosts"), "utf8")).toContain(
    `[127.0.0.1]:${port} ssh-ed25519 ${key}`,
  );
});

test.each([
  ["another machine", { expectedMac: "52:54:00:99:99:99" as Mac }, "other-machine"],
  ["a machine with another serial number", { expectedSerial: "CZ1234" }, "other-machine"],
  ["a key it doesn't know", { keyFile: join(root, "stranger") }, "no-access"],
])("%s is told apart, and no host key is pinned", async (_, over, kind) => {
  expect((await identifyInstaller(query(over), signal)).kind).toBe(kind);
  expect(pinned()).toBe(false);
});

test("a port where nobody listens is not reachable yet", async () => {
  const identification = await identifyInstaller(query({ port: await freePort() }), signal);
  expect(identification).toMatchObject({
    kind: "not-reachable",
    why: expect.stringContaining("Connection refused"),
  });
});

test("an old system that answers first leaves no host key behind, and the installer after it is taken", async () => {
  const listen = await freePort();
  const old = await startSshd(join(root, "other-host"), installedRelease, listen);
  expect((await identifyInstaller(query({ port: listen }), signal)).kind).toBe("not-installer");
  await end(old);
  await startSshd(join(root, "host"), installerRelease, listen);
  expect((await identifyInstaller(query({ port: listen }), signal)).kind).toBe("installer");
});

test("a host that shows another key after the pinning is refused", async () => {
  const listen = await freePort();
  const first = await startSshd(join(root, "host"), installerRelease, listen);
  expect((await identifyInstaller(query({ port: listen }), signal)).kind).toBe("installer");
  await end(first);
  await startSshd(join(root, "other-host"), installerRelease, listen);
  expect((await identifyInstaller(query({ port: listen }), signal)).kind).toBe("host-key-changed");
});

test("an installer that was given its host key is known from its first packet, and any other refused", async () => {
  const publicKey = (name: string) => readFileSync(join(root, `${name}.pub`), "utf8");
  await pinHostKey(query(), publicKey("host"));
  expect(statSync(join(directory, "known_hosts")).mode & 0o777).toBe(0o600);
  expect((await identifyInstaller(query(), signal)).kind).toBe("installer");
  await pinHostKey(query(), publicKey("other-host"));
  expect(await identifyInstaller(query(), signal)).toMatchObject({
    kind: "host-key-changed",
    why: expect.stringContaining("another SSH host key than the one pinned for its installer"),
  });
});

test("an installation makes its installer's host key once, for its owner only, and takes the private half away", async () => {
  const inventory = exampleInventory();
  const [node] = inventory.nodes;
  if (node === undefined) throw new Error("the example site declares no node");
  const site = { ...inventory, server: { ...inventory.server, stateDirectory: directory } };
  const tools = {
    home: "/root",
    path: "/usr/bin",
    now: () => 0,
    ca: () => ({}) as Ca,
    certificates: {} as CertificateStore,
  };
  const sshKeyFile = join(root, "user");
  const installation = createInstallation({ ...tools, inventory: site, sshKeyFile }, node, "op-1");
  await installation.prepareInstaller();
  const made = await installerHostKey(site, "op-1");
  const file = join(directory, "runs/op-1/installer-host-key");
  expect(statSync(file).mode & 0o777).toBe(0o600);
  expect(statSync(join(directory, "runs/op-1")).mode & 0o777).toBe(0o700);
  const [type, key] = made?.publicKey.split(" ") ?? [];
  const knownHosts = readFileSync(join(directory, "runs/op-1/known_hosts"), "utf8");
  expect(knownHosts).toBe(`${node.provisioningAddress} ${type} ${key}\n`);
  await installation.prepareInstaller();
  expect(await installerHostKey(site, "op-1")).toEqual(made);
  await installation.stop();
  expect([existsSync(file), await installerHostKey(site, "op-1")]).toEqual([false, undefined]);
});

test("a site that trusts the first contact pins nothing before it", async () => {
  const inventory = exampleInventory();
  const [node] = inventory.nodes;
  if (node === undefined) throw new Error("the example site declares no node");
  const site = {
    ...inventory,
    server: { ...inventory.server, stateDirectory: directory },
    install: { ...inventory.install, hostKey: "first-use" as const },
  };
  const tools = {
    home: "/root",
    path: "/usr/bin",
    now: () => 0,
    ca: () => ({}) as Ca,
    certificates: {} as CertificateStore,
  };
  const sshKeyFile = join(root, "user");
  const installation = createInstallation({ ...tools, inventory: site, sshKeyFile }, node, "op-1");
  await installation.prepareInstaller();
  expect(existsSync(join(directory, "runs/op-1/known_hosts"))).toBe(false);
  expect(await installerHostKey(site, "op-1")).toBeUndefined();
});

/** A node on loopback that was given two files, and what a look at them finds with `keyFile`. */
async function lookWith(keyFile: string, chainfirePort: number) {
  const ca = await loadOrCreateCa(join(root, "pki"), {
    ...{ commonName: "CA", key: "ec", caDays: 10, nowMs: Date.now() },
  });
  const issued = await issueNodeCertificate(ca, {
    ...{ name: "node01", fqdn: "node01.example.com", addresses: [] },
    ...{ key: "ec", days: 1, nowMs: Date.now() },
  });
  const certificates = createCertificateStore(openDatabase(":memory:"));
  certificates.issued({
    ...{ ...issued, node: "node01", operation: "op-1", issuedAtMs: 1 },
    ...{ keySha256: "k", caFingerprint: "c" },
  });
  const secret = join(directory, "key.pem");
  writeFileSync(secret, "KEY\n", { mode: 0o600 });
  const sha256 = createHash("sha256").update("KEY\n").digest("hex");
  const placed = [{ path: secret, mode: "600", owner: "0:0", sha256 }];
  writeFileSync(join(directory, "placed-files.json"), JSON.stringify(placed));
  const site = exampleInventory();
  const services = { ...site.services, chainfire: { ...site.services.chainfire } };
  services.chainfire.port = chainfirePort;
  const [first] = site.nodes;
  if (first === undefined) throw new Error("the example site declares no node");
  const node = { ...first, productionAddress: "127.0.0.1" as Ipv4 };
  const knownHostsFile = join(directory, "known_hosts");
  await pinHostKey(query(), readFileSync(join(root, "host.pub"), "utf8"));
  const look = () =>
    lookAtFiles(
      { inventory: { ...site, services }, ca: () => ca, certificates, now: () => 7 },
      { node, operationId: "op-1", directory, target: target({ keyFile, knownHostsFile }) },
      signal,
    );
  return { look, secret, issued, certificates };
}

test("the files of a node are read on it, and a mode that was changed there is told with its remedy", async () => {
  const { look, secret, certificates } = await lookWith(join(root, "user"), 1);
  expect(await look()).toEqual({ kind: "verified", paths: [secret] });
  expect(certificates.certificates()[0]?.verified).toEqual({ atMs: 7, by: "files" });
  chmodSync(secret, 0o644);
  expect(await look()).toEqual({
    kind: "wrong",
    problems: [expect.stringContaining(`${secret} has mode 0644 in place of 0600: chmod 600`)],
  });
});

test("of a node that does not let the key in, the certificate it shows is all that is proven, and said to be", async () => {
  const listen = await freePort();
  const { look, issued, certificates } = await lookWith(join(root, "stranger"), listen);
  expect(await look()).toMatchObject({
    kind: "absent",
    why: expect.stringMatching(/does not accept the provisioning key.*can't be asked/),
  });
  const service = createTlsServer({ cert: issued.certPem, key: issued.keyPem });
  await new Promise<void>((resolve) => service.listen(listen, "127.0.0.1", resolve));
  expect(await look()).toMatchObject({ kind: "presented", at: `127.0.0.1:${listen}` });
  expect(certificates.certificates()[0]?.verified).toEqual({ atMs: 7, by: "handshake" });
  service.close();
});

test("a command's output, and its failure", async () => {
  const options = { hostKey: "accept-new", timeoutMs: 20_000 } as const;
  expect(await runOverSsh(target(), "echo $((6 * 7))", options, signal)).toBe("42\n");
  const failing = runOverSsh(target(), "echo broken >&2; exit 3", options, signal);
  await expect(failing).rejects.toMatchObject({
    kind: "command",
    message: expect.stringContaining("exit code 3: broken"),
  });
  const hanging = runOverSsh(target(), "sleep 5", { ...options, timeoutMs: 700 }, signal);
  await expect(hanging).rejects.toMatchObject({ kind: "timeout" });
  await expect(
    runOverSsh(target(), "true", { ...options, hostKey: "pinned" }, AbortSignal.abort()),
  ).rejects.not.toBeInstanceOf(SshError);
});

test("what the installer logged is kept for its owner alone, and a machine that does not answer is no fault", async () => {
  await runOverSsh(target(), "true", { hostKey: "accept-new", timeoutMs: 20_000 }, signal);
  const file = join(directory, "installer-journal.log");
  expect(await keepJournal(target(), file, signal)).toBe(true);
  expect(statSync(file).mode & 0o777).toBe(0o600);
  const nobody = join(directory, "nobody.log");
  expect(await keepJournal(target({ port: await freePort() }), nobody, signal)).toBe(false);
  expect(existsSync(nobody)).toBe(false);
});

test("a host proves the key it was given, also to somebody it doesn't let in", async () => {
  const knownHostsFile = join(directory, "proof");
  const right = readFileSync(join(root, "host.pub"), "utf8");
  const wrong = readFileSync(join(root, "other-host.pub"), "utf8");
  const as = (key: string, over = {}) =>
    checkHostKey(target({ knownHostsFile, ...over }), key, signal);
  expect(await as(right)).toBe("matches");
  expect(await as(right, { keyFile: join(root, "stranger") })).toBe("matches");
  expect(await as(wrong)).toBe("differs");
  expect(await as(right, { port: await freePort() })).toBe("unreachable");
});

test("in a run, ssh talks only to the pinned host, whatever the caller's options say", async () => {
  await identifyInstaller(query(), signal);
  const listen = await freePort();
  await startSshd(join(root, "other-host"), installerRelease, listen);
  const anyHost = `-o IdentitiesOnly=yes -i ${join(root, "user")} -o UserKnownHostsFile=/dev/null -o StrictHostKeyChecking=no`;
  const script = `
    mkdir -p "$HOME/.ssh"
    ssh-copy-id -o IdentitiesOnly=no ${anyHost} -p ${port} root@127.0.0.1 && echo key is there
    ssh ${anyHost} -p ${port} root@127.0.0.1 echo pinned host
    ssh ${anyHost} -p ${listen} root@127.0.0.1 echo foreign host
    ssh-copy-id -o IdentitiesOnly=no ${anyHost} -p ${listen} root@127.0.0.1 && echo copied
    ssh ${anyHost} -p ${port} -G root@127.0.0.1 | grep -i stricthostkeychecking`;
  const run = openRun(directory);
  await run.start({
    argv: ["/bin/sh", "-c", script],
    home: directory,
    path: process.env["PATH"] ?? "",
  });
  await expect
    .poll(async () => (await run.inspect(Date.now())).kind, { timeout: 20_000 })
    .toBe("ended");
  const log = readFileSync(join(directory, "log"), "utf8");
  expect(log).toContain("key is there\n");
  expect(log).toContain("pinned host\n");
  expect(log).not.toContain("foreign host\n");
  expect(log).not.toContain("copied");
  expect(log).toContain("Host key verification failed");
  expect(log).toMatch(/stricthostkeychecking (?:true|yes)/i);
});
