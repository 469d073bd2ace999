// One node on loopback, as a running server's diagnosis finds it: a simulated BMC, an sshd behind which the node's own words are files,
// three members that speak the runbook's shapes, and the store, assets and certificates of a server. Everything can be broken.

import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import type { Server } from "node:http";
import { createServer } from "node:https";
import { createServer as createPlainServer, type Socket } from "node:net";
import { networkInterfaces, tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { Diagnosing } from "../../src/api/diagnosis.ts";
import type { Inventory, Node } from "../../src/inventory/schema.ts";
import type { Ipv4 } from "../../src/net/ipv4.ts";
import { parseMac } from "../../src/net/mac.ts";
import { Secret } from "../../src/net/secret.ts";
import { createNodeShell, keepNodeKey } from "../../src/operations/node-shell.ts";
import type { Operation } from "../../src/operations/operation.ts";
import { type Ca, loadOrCreateCa } from "../../src/pki/ca.ts";
import { type IssuedCertificate, issueNodeCertificate } from "../../src/pki/issue.ts";
import { clusterIdentity } from "../../src/serve/cluster-identity.ts";
import { createControllers } from "../../src/serve/controllers.ts";
import { createDiagnosing } from "../../src/serve/diagnosing.ts";
import { loadBoot } from "../../src/serve/load-boot.ts";
import { openStore } from "../../src/store/store.ts";
import { createSimulator } from "../../vm-harness/bmc/ipmi-server.ts";
import { createMemoryMachine } from "../../vm-harness/bmc/machine.ts";
import { anOperation } from "../diagnose/evidence.ts";
import { assetDirectory } from "../fakes/asset-directory.ts";
import { exampleInventory } from "../fakes/rack.ts";

const net = "127.16.33";
const bmcPassword = "canary-Zq81";
const joinUnits = ["chainfire-cluster-join.service", "flaredb-cluster-join.service"];
const units = ["chainfire.service", "flaredb.service", "iam.service", ...joinUnits];

// The node's command runs as it is, on files of the test in place of the node's, and with these programs first in its path.
const programs: Readonly<Record<string, string>> = {
  systemctl: `case "$*" in *is-active*) ! grep -qx "$3" inactive ;; *) cat units ;; esac`,
  journalctl: `cat "journal-$4"`,
  ss: "cat listeners",
  df: "cat disk",
  date: "echo $(($(/bin/date +%s) + $(cat skew)))",
  getent: "exit 0",
};

export interface Site {
  readonly node: Node;
  readonly diagnosing: Diagnosing;
  /** Stands for what this server's own services and the store say. */
  readonly services: { dhcp: string; tftp: string; http: string };
  readonly assets: string;
  readonly stateDirectory: string;
  readonly machine: ReturnType<typeof createMemoryMachine>;
  /** Writes a file that the node's words are taken from. */
  say(file: string, text: string): void;
  /** That unit has failed, with these lines in its journal. */
  fail(unit: string, ...lines: string[]): void;
  /** Puts that certificate on the node, and has its services show it. */
  present(certificate: IssuedCertificate): Promise<void>;
  issue(from?: "this" | "another"): Promise<IssuedCertificate>;
  /** One that has just ended. */
  issueExpired(): Promise<IssuedCertificate>;
  /** Starts the installer's sshd; `accepts` is the key that it lets in. */
  startInstaller(hostKey: string, accepts: string, osRelease: string): Promise<void>;
  /** The newest operation waits at that step. */
  begin(step: string): Operation;
  /** That node has the claim to form the cluster. */
  claim(name: string): void;
  stopSsh(): Promise<void>;
  /** In its place somebody takes connections and says nothing. */
  silenceSsh(): Promise<void>;
  startSsh(hostKey: string): Promise<void>;
  stopMember(name: string, layer: "chainfire" | "flaredb"): Promise<void>;
  /** That member is not in what the others say. */
  forget(name: string): void;
  stopBmc(): Promise<void>;
  key(name: string): string;
  close(): Promise<void>;
}

export async function openSite(): Promise<Site> {
  const root = mkdtempSync(join(tmpdir(), "rackstrap-diagnose-"));
  const closers: (() => unknown)[] = [() => rmSync(root, { recursive: true, force: true })];
  const assets = assetDirectory();
  closers.push(() => rmSync(assets, { recursive: true, force: true }));
  const key = keyMaker(root);
  const machine = createMemoryMachine("node01");
  machine.users.splice(0, machine.users.length, {
    ...{ id: 2, name: "admin", password: bmcPassword, administrator: true, enabled: true },
  });
  await machine.act("on");
  const bmc = await createSimulator({ machine, address: `${net}.60`, port: 0 });
  const inventory = inventoryOf(root, assets, bmc.port);
  const [node] = inventory.nodes;
  if (node === undefined) throw new Error("the example site declares no node");
  const cas = { this: await aCa(root, "this"), another: await aCa(root, "another") };
  const issueFor = (name: string, from: Ca = cas.this, days = 30) =>
    issueNodeCertificate(from, {
      ...{ name, fqdn: `${name}.example.com`, addresses: [], key: "ec", days, nowMs: Date.now() },
    });
  const members = await startMembers(inventory, issueFor);
  closers.push(members.close);
  const words = nodeWords(root);
  const sshds = sshdStarter(root, key("user"));
  closers.push(sshds.close);
  const server = await openServer({ inventory, root, ca: cas.this, sshKeyFile: key("user") });
  closers.push(server.close);
  await keepNodeKey(inventory.server.stateDirectory, node, publicKeyOf(key("host")));
  let nodeSshd = await sshds.start(node.productionAddress, key("host"), key("user"), words.command);
  const present = async (certificate: IssuedCertificate) => {
    words.put("secrets/node01-cert.pem", certificate.certPem);
    words.put("secrets/node01-key.pem", certificate.keyPem);
    await members.present(node.name, certificate);
    server.record(certificate);
  };
  words.put("secrets/ca-cert.pem", cas.this.certPem);
  await present(await issueFor(node.name));
  let isBmcOpen = true;
  const stopBmc = async () => {
    if (isBmcOpen) await bmc.close();
    isBmcOpen = false;
  };
  closers.push(stopBmc);
  return {
    ...{ node, assets, machine, key, present, stopBmc },
    stateDirectory: inventory.server.stateDirectory,
    ...{ diagnosing: server.diagnosing, services: server.services, begin: server.begin },
    claim: server.claim,
    ...{ say: words.put, fail: words.fail, stopMember: members.stop, forget: members.forget },
    issue: async (from = "this") => await issueFor(node.name, cas[from]),
    issueExpired: async () => {
      const certificate = await issueFor(node.name, cas.this, 1 / 86_400);
      await sleep(Math.max(0, certificate.notAfterMs - Date.now()) + 10);
      return certificate;
    },
    startInstaller: async (hostKey, accepts, osRelease) => {
      await sshds.start(node.provisioningAddress, hostKey, accepts, undefined, osRelease);
    },
    stopSsh: async () => await sshds.stop(nodeSshd),
    silenceSsh: async () => {
      await sshds.stop(nodeSshd);
      const sockets = new Set<Socket>();
      const server = createPlainServer((socket) => {
        sockets.add(socket.on("error", () => undefined));
      });
      server.listen(22, node.productionAddress);
      await once(server, "listening");
      closers.push(() => {
        for (const socket of sockets) socket.destroy();
        server.close();
      });
    },
    startSsh: async (hostKey) => {
      nodeSshd = await sshds.start(node.productionAddress, hostKey, key("user"), words.command);
    },
    close: async () => {
      for (const close of closers.toReversed()) await close();
    },
  };
}

function inventoryOf(root: string, assets: string, bmcPort: number): Inventory {
  const example = exampleInventory();
  const ownMac = Object.values(networkInterfaces())
    .flatMap((addresses) => addresses ?? [])
    .map(({ mac }) => parseMac(mac))
    .find((mac) => mac !== undefined && mac !== "00:00:00:00:00:00");
  const nodes = example.nodes.slice(0, 3).map((node, index) => ({
    ...node,
    ...(index === 0 && ownMac !== undefined && { mac: ownMac }),
    firmware: existsSync("/sys/firmware/efi") ? "uefi" : "bios",
    disk: { path: "/dev/none" },
    productionAddress: `${net}.${10 + index}` as Ipv4,
    provisioningAddress: `${net}.${50 + index}` as Ipv4,
    bmc: { ...node.bmc, address: `${net}.60` as Ipv4, port: bmcPort },
  })) as Node[];
  const server = { ...example.server, stateDirectory: join(root, "state"), assetDirectory: assets };
  mkdirSync(server.stateDirectory);
  return { ...example, server, nodes };
}

function keyMaker(root: string) {
  const made = new Set<string>();
  return (name: string): string => {
    const file = join(root, `key-${name}`);
    if (!made.has(name)) spawnSync("ssh-keygen", ["-q", "-t", "ed25519", "-N", "", "-f", file]);
    made.add(name);
    return file;
  };
}

function publicKeyOf(file: string): string {
  return readFileSync(`${file}.pub`, "utf8");
}

async function aCa(root: string, name: string): Promise<Ca> {
  const settings = { commonName: name, key: "ec", caDays: 60, nowMs: Date.now() } as const;
  return await loadOrCreateCa(join(root, `ca-${name}`), settings);
}

/** What the node says of itself, in files, and the command that its sshd runs in place of the one that was sent. */
function nodeWords(root: string) {
  const home = join(root, "node");
  const put = (file: string, text: string) => {
    mkdirSync(join(home, file, ".."), { recursive: true });
    writeFileSync(join(home, file), text, { mode: 0o755 });
  };
  for (const [name, text] of Object.entries(programs))
    put(`bin/${name}`, `#!/bin/sh\ncd ${home}\n${text}\n`);
  put(
    "run",
    `#!/bin/sh\nPATH=${home}/bin:$PATH\nsh -c "$(printf %s "$SSH_ORIGINAL_COMMAND" | sed 's#/etc/nixos/secrets#${home}/secrets#g; s#/proc/loadavg#${home}/load#g')"\n`,
  );
  const looks = new Map(units.map((unit) => [unit, "active\nSubState=running\nResult=success"]));
  const putUnits = () =>
    put(
      "units",
      [...looks]
        .map(([unit, look]) => `Id=${unit}\nLoadState=loaded\nActiveState=${look}\nNRestarts=0\n`)
        .join("\n"),
    );
  putUnits();
  put("inactive", "");
  put("load", "0.10 0.10 0.10 1/100 1\n");
  put("skew", "0");
  put(
    "disk",
    "Filesystem 1024-blocks Used Available Capacity Mounted on\n/dev/sda2 100 40 60 40% /\n",
  );
  put("listeners", "");
  for (const unit of units) put(`journal-${unit}`, "");
  put(
    "secrets/cluster-config.json",
    JSON.stringify({
      ...{ node_id: "node01", node_role: "control-plane", bootstrap: false },
      ...{ cluster_name: "prod-cluster", leader_url: "https://node02.example.com:2379" },
      raft_addr: `${net}.10:2380`,
    }),
  );
  return {
    ...{ put, command: join(home, "run") },
    fail: (unit: string, ...lines: string[]) => {
      looks.set(unit, "failed\nSubState=failed\nResult=exit-code");
      putUnits();
      put("inactive", `${unit}\n`);
      put(`journal-${unit}`, `${lines.join("\n")}\n`);
    },
  };
}

function sshdStarter(root: string, userKey: string) {
  const running: ChildProcess[] = [];
  mkdirSync("/run/sshd", { recursive: true, mode: 0o755 });
  const stop = async (sshd: ChildProcess) => {
    if (sshd.exitCode !== null || sshd.signalCode !== null) return;
    const ended = once(sshd, "exit");
    sshd.kill("SIGKILL");
    await ended;
  };
  return {
    stop,
    close: async () => {
      for (const sshd of running) await stop(sshd);
    },
    start: async (
      address: string,
      hostKey: string,
      accepts: string,
      command?: string,
      osRelease?: string,
    ) => {
      const place = join(root, `sshd-${running.length}`);
      mkdirSync(place);
      cpSync(`${accepts === "" ? userKey : accepts}.pub`, join(place, "authorized_keys"));
      const settings = [
        ...[`ListenAddress ${address}:22`, `HostKey ${hostKey}`, "PidFile none", "StrictModes no"],
        ...["PasswordAuthentication no", "KbdInteractiveAuthentication no", "UsePAM no"],
        `AuthorizedKeysFile ${join(place, "authorized_keys")}`,
        ...(command === undefined ? [] : [`ForceCommand ${command}`]),
      ];
      writeFileSync(join(place, "config"), `${settings.join("\n")}\n`);
      writeFileSync(
        join(place, "os-release"),
        osRelease ?? readFileSync("/etc/os-release", "utf8"),
      );
      const inside = `mount --bind "$1" "$(readlink -f /etc/os-release)" && exec /usr/sbin/sshd -D -e -f "$2"`;
      const files = [join(place, "os-release"), join(place, "config")];
      const argv = ["--mount", "sh", "-c", inside, "sshd", ...files];
      const sshd = spawn("unshare", argv, { stdio: ["ignore", "ignore", "pipe"] });
      running.push(sshd);
      let said = "";
      await new Promise<void>((resolve, reject) => {
        sshd.stderr?.on("data", (data: Buffer) => {
          said += data.toString();
          if (said.includes("Server listening")) resolve();
        });
        sshd.once("exit", () => reject(new Error(`sshd ended: ${said}`)));
      });
      return sshd;
    },
  };
}

/** Three members of both layers in the shapes of the runbook, and the first node's IAM. */
async function startMembers(
  { nodes }: Inventory,
  issue: (name: string) => Promise<IssuedCertificate>,
) {
  const known = new Set(nodes.map(({ name }) => name));
  const servers = new Map<string, Server & { setSecureContext(context: object): void }>();
  const answers = (name: string, port: number): Readonly<Record<string, unknown>> => ({
    "/admin/cluster/members": {
      members: [...known].map((id) => ({
        ...{ id, raft_addr: `${id}:${port + 1}`, status: "healthy" },
        role: id === "node02" ? "leader" : "follower",
      })),
    },
    "/admin/cluster/leader": { id: "node02", term: 3 },
    "/health": {
      ...{ status: "healthy", raft: name === "node02" ? "leader" : "follower" },
      ...(port === 2479 && { chainfire: "connected" }),
    },
  });
  for (const { name, productionAddress, services } of nodes) {
    const { certPem: cert, keyPem: key } = await issue(name);
    for (const port of services.includes("iam") ? [2379, 2479, 8080] : [2379, 2479]) {
      const server = createServer({ cert, key }, ({ url = "" }, response) =>
        response.end(
          JSON.stringify(
            known.has(name) || url === "/health" ? answers(name, port)[url] : { members: [] },
          ),
        ),
      );
      server.on("tlsClientError", () => undefined);
      server.listen(port, productionAddress);
      await once(server, "listening");
      servers.set(`${name} ${port}`, server);
    }
  }
  const stop = async (server: Server | undefined) => {
    if (server?.listening !== true) return;
    const closed = once(server, "close");
    server.close();
    server.closeAllConnections();
    await closed;
  };
  return {
    forget: (name: string) => void known.delete(name),
    stop: async (name: string, layer: "chainfire" | "flaredb") =>
      await stop(servers.get(`${name} ${layer === "chainfire" ? 2379 : 2479}`)),
    present: async (name: string, { certPem: cert, keyPem: key }: IssuedCertificate) => {
      for (const [id, server] of servers)
        if (id.startsWith(name)) {
          server.setSecureContext({ cert, key });
          server.closeAllConnections();
        }
    },
    close: async () => {
      for (const server of servers.values()) await stop(server);
    },
  };
}

interface ServerParts {
  readonly inventory: Inventory;
  readonly root: string;
  readonly ca: Ca;
  readonly sshKeyFile: string;
}

/** The parts of a running server that a diagnosis is made of; the state of its three services is the test's to say. */
async function openServer({ inventory, root, ca, sshKeyFile }: ServerParts) {
  const store = openStore(join(root, "state/rackstrap.db"), Date.now, () => undefined);
  const controllers = createControllers(async () => new Secret(bmcPassword));
  const boot = await loadBoot(() => inventory, store);
  const services = { dhcp: "running", tftp: "running", http: "running" };
  const network = { services: () => services, dhcp: { foreignServers: () => [] } };
  const tools = {
    ...{ reload: { inForce: () => inventory }, ...boot, network, controllers, ca: () => ca, store },
    ...{ certificates: store.certificates, now: Date.now, sshKey: { file: sshKeyFile } },
    shell: createNodeShell(inventory.server.stateDirectory, sshKeyFile),
    identity: clusterIdentity(
      () => ca,
      () => inventory,
      Date.now,
    ),
  };
  const create = (operation: Operation) => {
    store.operations.create([operation]);
    for (const step of operation.steps) store.operations.saveStep(operation.id, step);
    return operation;
  };
  create({ ...anOperation(undefined), status: "running", createdAtMs: Date.now() - 3_600_000 });
  store.operations.finish("op-1", "done", undefined);
  for (const event of ["install-armed", "wipe-started", "install-finished", "disk-booted"] as const)
    store.nodes.transition("node01", event, {});
  store.nodes.transition("node01", "cluster-joined", {});
  store.nodes.transition("node01", "health-soaked", {});
  return {
    services,
    diagnosing: createDiagnosing(tools as unknown as Parameters<typeof createDiagnosing>[0]),
    record: (certificate: IssuedCertificate) =>
      store.certificates.issued({
        ...{ ...certificate, node: "node01", operation: "op-1", issuedAtMs: Date.now() },
        ...{ keySha256: "k", caFingerprint: "c" },
      }),
    claim: (name: string) => void store.clusters.claimBootstrap(inventory.cluster.name, name),
    begin: (step: string) => {
      const operation = create({ ...anOperation(step), id: "op-2", createdAtMs: Date.now() });
      const detail = { bootFile: "ipxe.efi" };
      for (const kind of ["dhcp-acknowledged", "boot-menu-served", "keys-served"])
        store.nodes.append({ node: "node01", mac: undefined, kind, detail });
      return operation;
    },
    close: async () => {
      await controllers.close();
      store.close();
    },
  };
}
