// Nodes that run the rack's stand-in for Chainfire, each in namespaces of its own, and a client that asks them from a namespace beside
// them. Needs the Debian packages etcd-client, etcd-server, iproute2, python3 and util-linux, and root.

import { type ChildProcess, spawn } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { loadOrCreateCa } from "../../src/pki/ca.ts";
import { issueNodeCertificate } from "../../src/pki/issue.ts";
import { ip, removeNamespaces } from "./host.ts";

const hub = "rsdrv-hub";
const numbers = [1, 2, 3] as const;
const space = (number: number) => `rsdrv-${number}`;
const nodeOf = (number: number) => ({
  ...{ name: `node0${number}`, fqdn: `node0${number}.example.com`, address: `10.88.0.${number}` },
});
const harness = join(import.meta.dirname, "../../vm-harness/guest");

export interface RaftServiceLab {
  /** Where node `number` keeps its data, as /var/lib/chainfire. */
  data(number: number): string;
  start(number: number, bootstrap: boolean): void;
  stop(number: number): Promise<void>;
  /** One call of runbook-members-process.ts. */
  ask<T>(call: string, ...args: readonly unknown[]): Promise<T>;
  close(): Promise<void>;
}

// The service reads its configuration and keeps its data at fixed places, which these mounts give to each node.
const enter = `
mount -t tmpfs none /var/lib && mkdir /var/lib/chainfire && mount --bind "$1/data" /var/lib/chainfire
mount -t tmpfs none /etc && mkdir -p /etc/nixos/secrets && cp "$1"/secrets/* /etc/nixos/secrets && cp "$1/hosts" /etc/hosts
exec python3 -m raft_service chainfire`;

export async function openRaftServiceLab(): Promise<RaftServiceLab> {
  const root = mkdtempSync(join(tmpdir(), "rackstrap-raft-"));
  const ca = await writeNodes(root);
  await removeNamespaces(hub, ...numbers.map(space));
  await ip(`netns add ${hub}`, `-n ${hub} link add br0 type bridge`);
  await ip(`-n ${hub} link set br0 up`, `-n ${hub} addr add 10.88.0.254/24 dev br0`);
  for (const number of numbers)
    await ip(
      `netns add ${space(number)}`,
      `-n ${space(number)} link add eth0 type veth peer name node${number} netns ${hub}`,
      `-n ${hub} link set node${number} master br0 up`,
      `-n ${space(number)} addr add ${nodeOf(number).address}/24 dev eth0`,
      `-n ${space(number)} link set eth0 up`,
      `-n ${space(number)} link set lo up`,
    );
  const client = spawn(
    "ip",
    [
      "netns",
      "exec",
      hub,
      process.execPath,
      join(import.meta.dirname, "runbook-members-process.ts"),
    ],
    { stdio: ["pipe", "pipe", "inherit"] },
  );
  const answers = createInterface({ input: client.stdout })[Symbol.asyncIterator]();
  const children = new Map<number, ChildProcess>();
  const ask = async <T>(call: string, ...args: readonly unknown[]): Promise<T> => {
    client.stdin.write(`${JSON.stringify([call, ...args])}\n`);
    return JSON.parse((await answers.next()).value ?? "null") as T;
  };
  await ask("start", { ca, nodes: numbers.map(nodeOf) });

  const stop = async (number: number): Promise<void> => {
    const child = children.get(number);
    children.delete(number);
    if (child?.pid === undefined) return;
    const ended = new Promise((resolve) => child.once("exit", resolve));
    // The service and its etcd.
    process.kill(-child.pid, "SIGKILL");
    await ended;
  };
  return {
    data: (number) => join(root, String(number), "data"),
    start: (number, bootstrap) => {
      const folder = join(root, String(number));
      writeConfiguration(folder, number, bootstrap);
      const argv = ["netns", "exec", space(number), "unshare", "-m", "sh", "-ec", enter, "sh"];
      const env = { ...process.env, PYTHONPATH: harness, PYTHONDONTWRITEBYTECODE: "1" };
      const options = { stdio: "ignore", detached: true, env } as const;
      children.set(number, spawn("ip", [...argv, folder], options));
    },
    stop,
    ask,
    close: async () => {
      client.kill();
      for (const number of numbers) await stop(number);
      await removeNamespaces(hub, ...numbers.map(space));
      rmSync(root, { recursive: true, force: true });
    },
  };
}

/** Certificates and names; gives the CA's certificate. */
async function writeNodes(root: string): Promise<string> {
  const times = { nowMs: Date.now() };
  const made = { commonName: "raft service lab", key: "ec", caDays: 2, ...times } as const;
  const ca = await loadOrCreateCa(join(root, "pki"), made);
  for (const number of numbers) {
    const { name, fqdn, address } = nodeOf(number);
    const subject = { name, fqdn, addresses: [address], key: "ec", days: 1, ...times } as const;
    const { certPem, keyPem } = await issueNodeCertificate(ca, subject);
    const secrets = join(root, String(number), "secrets");
    mkdirSync(secrets, { recursive: true });
    mkdirSync(join(root, String(number), "data"));
    writeFileSync(join(secrets, `${name}-cert.pem`), certPem);
    writeFileSync(join(secrets, `${name}-key.pem`), keyPem, { mode: 0o600 });
    writeFileSync(join(secrets, "ca-cert.pem"), ca.certPem);
    writeFileSync(
      join(root, String(number), "hosts"),
      numbers.map((other) => `${nodeOf(other).address} ${nodeOf(other).fqdn}\n`).join(""),
    );
  }
  return ca.certPem;
}

/** The shapes B3 and B4. */
function writeConfiguration(folder: string, number: number, bootstrap: boolean): void {
  const { name, address } = nodeOf(number);
  const peers = (port: number) => numbers.map((other) => `${nodeOf(other).fqdn}:${port}`);
  const config = {
    ...{ node_id: name, node_role: "control-plane", bootstrap, cluster_name: "lab" },
    ...{ leader_url: `https://${nodeOf(1).fqdn}:2379`, raft_addr: `${address}:2380` },
    ...(bootstrap ? { initial_peers: peers(2380), flaredb_peers: peers(2480) } : {}),
  };
  writeFileSync(join(folder, "secrets/cluster-config.json"), JSON.stringify(config));
}
