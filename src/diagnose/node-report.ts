// What an installed node is asked, in one command that only reads, and what its answer means. Pure.

import { X509Certificate } from "node:crypto";
import { z } from "zod";
import { type ClusterConfig, clusterConfigSchema } from "../boot/cluster-config.ts";
import type { Layer } from "../cluster/driver.ts";
import { secretsDirectory } from "../install/extra-files.ts";
import { shellWord } from "../install/ssh.ts";
import type { Node } from "../inventory/schema.ts";

export interface UnitLook {
  readonly unit: string;
  /** systemd's words: loaded, not-found … */
  readonly load: string;
  /** active, activating, inactive, failed … */
  readonly active: string;
  readonly sub: string;
  readonly result: string;
  readonly restarts: number;
}

export interface Listener {
  readonly address: string;
  readonly port: number;
  /** Name of the program, where the node says it. */
  readonly program: string | undefined;
}

export interface CertificateLook {
  readonly notBeforeMs: number;
  readonly notAfterMs: number;
  /** SHA-256 of the certificate in DER, hexadecimal. */
  readonly fingerprint: string;
  /** Signed by a certificate of the cluster's CA. */
  readonly byAuthority: boolean;
  /** It is for the node's full name. */
  readonly namesNode: boolean;
}

export type ConfigLook =
  /** `unread`: the node did not come that far. */
  | { readonly kind: "unread" }
  | { readonly kind: "absent" }
  | { readonly kind: "unreadable"; readonly why: string }
  | { readonly kind: "read"; readonly config: ClusterConfig };

export interface NodeReport {
  /** By the node's clock, milliseconds since the epoch. */
  readonly clockMs: number | undefined;
  /** Average of the last minute, and how many processors share it. */
  readonly load: { readonly average: number; readonly processors: number } | undefined;
  readonly memory: { readonly totalKb: number; readonly availableKb: number } | undefined;
  readonly fileSystems: readonly { readonly mount: string; readonly usedPercent: number }[];
  readonly rootReadOnly: boolean;
  readonly units: readonly UnitLook[];
  /** Last lines of each unit that is not active, by its name. */
  readonly journal: Readonly<Record<string, readonly string[]>>;
  /** Empty where the node has no program to list them. */
  readonly listeners: readonly Listener[];
  readonly config: ConfigLook;
  readonly certificate: CertificateLook | "absent" | "unreadable" | "unread";
  /** Whether the node trusts this cluster's CA. */
  readonly authority: "same" | "other" | "absent" | "unread";
  readonly keyPresent: boolean;
  /** Peers that it could not find or reach, each with what happened. */
  readonly peers: readonly { readonly name: string; readonly state: string }[];
  /** Lines "slow operation" of chainfire in the last ten minutes. */
  readonly slowOperations: number;
}

const marker = "@@rackstrap ";
const journalLines = 40;

/** Services of the node, and what joins their layers, in the order in which one needs the other. */
export function unitsOf(
  { services }: Pick<Node, "services">,
  ownLayers: readonly Layer[],
): string[] {
  // etcd is no service of an entry, and its members are added from here.
  const isEtcd = (layer: Layer) => layer === "etcd";
  const joins = ownLayers.filter((layer) => !isEtcd(layer)).map((layer) => `${layer}-cluster-join`);
  return [...ownLayers.filter(isEtcd), ...services, ...joins].map((name) => `${name}.service`);
}

/** For root's shell on the node. It writes nothing, is content with the programs that it finds, and gives what it has after six seconds. */
export function reportCommand(
  node: Node,
  ownLayers: readonly Layer[],
  peers: readonly { fqdn: string; port: number }[],
): string {
  const script = reportScript(node, unitsOf(node, ownLayers), peers);
  return `timeout ${mostSeconds} sh -c ${shellWord(script)}; true`;
}

const mostSeconds = 6;

/** What costs nothing comes first, and what may hang is bounded: a node that is sick enough is cut off in the middle. */
function reportScript(
  node: Node,
  unitNames: readonly string[],
  peers: readonly { fqdn: string; port: number }[],
): string {
  const units = unitNames.map(shellWord).join(" ");
  const section = (name: string) => `echo; echo '${marker}${name}'`;
  const file = (name: string) => `head -c 32768 ${secretsDirectory}/${name} || echo absent`;
  const show = "Id,LoadState,ActiveState,SubState,Result,NRestarts";
  const journal = "timeout 2 journalctl -q --no-pager";
  return `exec 2>/dev/null
${section("clock")}; date +%s.%N
${section("load")}; cat /proc/loadavg; grep -c ^processor /proc/cpuinfo
${section("memory")}; grep -E '^Mem(Total|Available):' /proc/meminfo
${section("mounts")}; grep ' / ' /proc/mounts
${section("config")}; ${file("cluster-config.json")}
${section("certificate")}; ${file(`${node.name}-cert.pem`)}
${section("authority")}; ${file("ca-cert.pem")}
${section("key")}; [ -s ${secretsDirectory}/${node.name}-key.pem ] && echo present || echo absent
${section("units")}; timeout 3 systemctl show --property=${show} -- ${units}
${section("listeners")}; timeout 1 ss -Htlnp || timeout 1 netstat -tlnp
${section("disk")}; timeout 1 df -P / /boot /var /var/lib
${section("journal")}; for unit in ${units}; do systemctl -q is-active "$unit" || { echo "@unit $unit"; ${journal} -u "$unit" -n ${journalLines} -o cat | cut -c 1-1000; }; done
${section("slow")}; ${journal} -u chainfire.service -S -10min -o cat | grep -ci 'slow operation'
${section("peers")}
${peers.map(tryPeer).join("\n")}
wait`;
}

/** In a shell of its own, so that one that is silent costs no more than its seconds. */
function tryPeer({ fqdn, port }: { fqdn: string; port: number }): string {
  const say = (state: string) => `echo ${shellWord(`${fqdn} ${state}`)}`;
  const open = `timeout 2 bash -c ${shellWord(`exec 3<>/dev/tcp/${fqdn}/${port}`)}`;
  // 2: not found; 124: its name servers are silent. Without getent the name is looked up by the connection.
  const find = `timeout 2 getent hosts ${shellWord(fqdn)} >/dev/null; case $? in 2 | 124) ${say("unresolved")}`;
  return `{ ${find} ;; *) ${open} || ${say("unreachable")} ;; esac; } &`;
}

/** The answer to `reportCommand`; `authority` is the cluster's CA in PEM. What is missing or can't be read is absent, never an error. */
export function parseReport(text: string, node: Node, authority: string): NodeReport {
  const sections = split(text);
  const of = (name: string) => sections.get(name) ?? "";
  const clock = Number.parseFloat(of("clock"));
  const [loadLine = "", processors = ""] = of("load").split("\n");
  const average = Number.parseFloat(loadLine);
  return {
    clockMs: Number.isFinite(clock) ? clock * 1000 : undefined,
    load: Number.isFinite(average)
      ? { average, processors: Math.max(1, Number(processors) || 1) }
      : undefined,
    memory: memoryOf(of("memory")),
    fileSystems: fileSystemsOf(of("disk")),
    rootReadOnly: of("mounts")
      .split("\n")
      .some((line) => /^\S+ \/ \S+ (?:\S*,)?ro(?:,|\s|$)/.test(line)),
    units: unitLooks(of("units")),
    journal: journalOf(of("journal")),
    listeners: of("listeners").split("\n").flatMap(listenerOf),
    config: configOf(sections.get("config")),
    certificate: certificateOf(sections.get("certificate"), node, authority),
    authority: authorityOf(sections.get("authority"), authority),
    keyPresent: of("key").trim() !== "absent",
    peers: of("peers")
      .split("\n")
      .flatMap((line) => {
        const [, name = "", state = ""] = /^(\S+) (unresolved|unreachable)$/.exec(line) ?? [];
        return name === "" ? [] : [{ name, state }];
      }),
    slowOperations: Number.parseInt(of("slow"), 10) || 0,
  };
}

function split(text: string): ReadonlyMap<string, string> {
  const parts = text.split(`\n${marker}`).slice(1);
  return new Map(
    parts.map((part) => {
      const end = part.indexOf("\n");
      return [part.slice(0, end).trim(), part.slice(end + 1).trimEnd()];
    }),
  );
}

function memoryOf(text: string): NodeReport["memory"] {
  const kb = (name: string) => Number(new RegExp(`^${name}:\\s+(\\d+) kB`, "m").exec(text)?.[1]);
  const [totalKb, availableKb] = [kb("MemTotal"), kb("MemAvailable")];
  return totalKb > 0 && availableKb >= 0 ? { totalKb, availableKb } : undefined;
}

/** One line for each file system, also where several of the paths are on one. */
function fileSystemsOf(text: string): NodeReport["fileSystems"] {
  const found = text.split("\n").flatMap((line) => {
    const [, percent, mount] = /\s(\d+)%\s+(\/\S*)$/.exec(line) ?? [];
    return mount === undefined ? [] : [[mount, { mount, usedPercent: Number(percent) }] as const];
  });
  return [...new Map(found).values()];
}

function unitLooks(text: string): UnitLook[] {
  return text.split(/\n\s*\n/).flatMap((block) => {
    const value = (name: string) => new RegExp(`^${name}=(.*)$`, "m").exec(block)?.[1] ?? "";
    const unit = value("Id");
    if (unit === "") return [];
    return [
      {
        ...{ unit, load: value("LoadState"), active: value("ActiveState") },
        ...{ sub: value("SubState"), result: value("Result") },
        restarts: Number(value("NRestarts")) || 0,
      },
    ];
  });
}

function journalOf(text: string): NodeReport["journal"] {
  const parts = `\n${text}`.split("\n@unit ").slice(1);
  return Object.fromEntries(
    parts.map((part) => {
      const [unit = "", ...lines] = part.split("\n");
      return [unit, lines.filter((line) => line.trim() !== "")];
    }),
  );
}

/** ss and netstat have the local address in the same column. */
function listenerOf(line: string): Listener[] {
  const columns = line.trim().split(/\s+/);
  const [, address, port] = /^(.*):(\d+)$/.exec(columns[3] ?? "") ?? [];
  if (address === undefined) return [];
  const program = /\(\("([^"]+)"/.exec(line)?.[1] ?? /\s\d+\/(\S+)/.exec(line)?.[1];
  return [{ address, port: Number(port), program }];
}

function configOf(text: string | undefined): ConfigLook {
  if (text === undefined) return { kind: "unread" };
  if (text.trim() === "absent" || text.trim() === "") return { kind: "absent" };
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    return { kind: "unreadable", why: "it is not JSON" };
  }
  const parsed = clusterConfigSchema.safeParse(json);
  if (parsed.success) return { kind: "read", config: parsed.data };
  return { kind: "unreadable", why: z.prettifyError(parsed.error).replace(/\s+/g, " ") };
}

function certificateOf(
  text: string | undefined,
  node: Node,
  authority: string,
): NodeReport["certificate"] {
  if (text === undefined) return "unread";
  if (!text.includes("-----BEGIN CERTIFICATE-----"))
    return text === "absent" ? "absent" : "unreadable";
  try {
    const [leaf] = certificatesIn(text);
    if (leaf === undefined) return "unreadable";
    // Those that it shows with its own may stand between it and the CA.
    const issuers = certificatesIn(authority);
    return {
      notBeforeMs: Date.parse(leaf.validFrom),
      notAfterMs: Date.parse(leaf.validTo),
      fingerprint: leaf.fingerprint256.replaceAll(":", "").toLowerCase(),
      byAuthority: issuers.some(
        (issuer) => leaf.checkIssued(issuer) && leaf.verify(issuer.publicKey),
      ),
      namesNode: leaf.checkHost(node.fqdn) !== undefined,
    };
  } catch {
    return "unreadable";
  }
}

function authorityOf(text: string | undefined, authority: string): NodeReport["authority"] {
  if (text === undefined) return "unread";
  if (!text.includes("-----BEGIN CERTIFICATE-----")) return "absent";
  try {
    const ours = new Set(certificatesIn(authority).map(({ fingerprint256 }) => fingerprint256));
    return certificatesIn(text).some(({ fingerprint256 }) => ours.has(fingerprint256))
      ? "same"
      : "other";
  } catch {
    return "other";
  }
}

function certificatesIn(pem: string): X509Certificate[] {
  const blocks = pem.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ?? [];
  return blocks.map((block) => new X509Certificate(block));
}
