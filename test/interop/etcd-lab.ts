// Real etcd servers on loopback addresses of their own, with TLS by a CA of the product's.
// Needs the Debian packages etcd-server and etcd-client.

import { type ChildProcess, execFile, spawn } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import type { Identity } from "../../src/cluster/client.ts";
import type { ClusterNode } from "../../src/cluster/driver.ts";
import { loadOrCreateCa } from "../../src/pki/ca.ts";
import { issueNodeCertificate } from "../../src/pki/issue.ts";

export const etcdPorts = { port: 23790, raftPort: 23800 };

export interface EtcdLab {
  readonly root: string;
  readonly ca: string;
  readonly identity: Identity;
  /** Member `number`, started or not. */
  node(number: number): ClusterNode;
  /** Starts a member; `numbers` are all members of the cluster it forms or joins. */
  start(number: number, numbers: readonly number[], state: "new" | "existing"): void;
  stop(number: number): Promise<void>;
  /** etcdctl over TLS, asking member `number`; the answer is its output. */
  etcdctl(number: number, ...argv: readonly string[]): Promise<string>;
  close(): Promise<void>;
}

/** `network` is the third octet of the members' addresses, so that labs do not meet. */
export async function openEtcdLab(
  network: number,
  settings: { readonly asksForCertificates: boolean },
): Promise<EtcdLab> {
  const root = mkdtempSync(join(tmpdir(), "rackstrap-etcd-"));
  const times = { nowMs: Date.now() };
  const ca = await loadOrCreateCa(join(root, "pki"), {
    ...{ commonName: "etcd lab", key: "ec", caDays: 2, ...times },
  });
  const node = (number: number): ClusterNode => ({
    name: `node0${number}`,
    fqdn: `node0${number}.example.com`,
    address: `127.0.${network}.${number}`,
  });
  const issue = async ({ name, fqdn, address }: ClusterNode) =>
    await issueNodeCertificate(ca, {
      ...{ name, fqdn, addresses: [address], key: "ec", days: 1, ...times },
    });
  writeFileSync(join(root, "ca.pem"), ca.certPem);
  for (const number of [1, 2, 3, 4, 9]) {
    const { certPem, keyPem } = await issue(node(number));
    writeFileSync(join(root, `${number}.pem`), certPem);
    writeFileSync(join(root, `${number}.key`), keyPem, { mode: 0o600 });
  }
  const caller = await issue(node(9));
  const children = new Map<number, ChildProcess>();

  const stop = async (number: number): Promise<void> => {
    const child = children.get(number);
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const ended = new Promise((resolve) => child.once("exit", resolve));
    child.kill("SIGKILL");
    await ended;
  };

  return {
    root,
    ca: ca.certPem,
    identity: { cert: caller.certPem, key: caller.keyPem },
    node,
    start: (number, numbers, state) => {
      const argv = argvOf(root, node(number), number, numbers.map(node), state);
      const trusted = `--trusted-ca-file=${root}/ca.pem`;
      const auth = settings.asksForCertificates ? ["--client-cert-auth", trusted] : [];
      children.set(number, spawn("etcd", [...argv, ...auth], { stdio: "ignore" }));
    },
    stop,
    etcdctl: async (number, ...argv) => {
      const options = [
        ...[`--endpoints=https://${node(number).address}:${etcdPorts.port}`],
        ...[`--cacert=${root}/ca.pem`, `--cert=${root}/9.pem`, `--key=${root}/9.key`],
      ];
      const env = { PATH: process.env["PATH"], ETCDCTL_API: "3" };
      const { stdout } = await promisify(execFile)("etcdctl", [...options, ...argv], { env });
      return stdout;
    },
    close: async () => {
      for (const number of children.keys()) await stop(number);
      rmSync(root, { recursive: true, force: true });
    },
  };
}

function argvOf(
  root: string,
  { name, address }: ClusterNode,
  number: number,
  members: readonly ClusterNode[],
  state: string,
): string[] {
  const client = `https://${address}:${etcdPorts.port}`;
  const peer = `https://${address}:${etcdPorts.raftPort}`;
  const files = (kind: string) => [
    ...[`--${kind}cert-file=${root}/${number}.pem`, `--${kind}key-file=${root}/${number}.key`],
  ];
  return [
    ...[`--name=${name}`, `--data-dir=${root}/data-${name}`, "--peer-client-cert-auth"],
    `--peer-trusted-ca-file=${root}/ca.pem`,
    ...[`--listen-client-urls=${client}`, `--advertise-client-urls=${client}`],
    ...[`--listen-peer-urls=${peer}`, `--initial-advertise-peer-urls=${peer}`],
    `--initial-cluster=${members.map((one) => `${one.name}=https://${one.address}:${etcdPorts.raftPort}`).join(",")}`,
    ...[`--initial-cluster-state=${state}`, "--logger=zap", "--log-level=warn"],
    ...["--heartbeat-interval=200", "--election-timeout=2000"],
    ...files(""),
    ...files("peer-"),
  ];
}
