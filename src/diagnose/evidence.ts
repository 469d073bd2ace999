// What was gathered about one declared node, each item known or with the reason why it is not. Data only: stages.ts judges it.

import type { BmcFailureKind, PowerState } from "../bmc/bmc.ts";
import type { Layer } from "../cluster/driver.ts";
import type { Judgement } from "../cluster/judge.ts";
import type { Explanation } from "../install/explain.ts";
import type { Identification } from "../install/identify.ts";
import type { SshFailureKind } from "../install/ssh.ts";
import type { Node } from "../inventory/schema.ts";
import type { ServiceName } from "../inventory/services.ts";
import type { NodeState } from "../nodes/state.ts";
import type { BootStage } from "../operations/boot-stage.ts";
import type { Operation } from "../operations/operation.ts";
import type { Presented } from "../pki/handshake.ts";
import type { CheckLine } from "../preflight/line.ts";
import type { NodeReport } from "./node-report.ts";

export type Known<T> =
  | { readonly known: true; readonly value: T }
  | { readonly known: false; readonly why: string };

/** How this server itself stands, as far as the node needs it. */
export interface ServerLook {
  readonly services: Readonly<Record<"dhcp" | "tftp" | "http", string>>;
  /** Loaders that the node's firmware is given, each with what is wrong with it. */
  readonly loaderProblems: readonly string[];
  /** Loaders of these that are whole, and made for another firmware or architecture than their names say. */
  readonly loaderFaults: readonly string[];
  /** As `loaderProblems`, of its kernel and initrd. */
  readonly imageProblems: readonly string[];
  /** Why its boot scripts can't be made. */
  readonly scriptFaults: readonly string[];
  /** Other DHCP servers that were heard and are not allowed. */
  readonly foreignServers: readonly string[];
}

export type BmcLook =
  | { readonly kind: "answers"; readonly power: PowerState }
  | { readonly kind: "failed"; readonly failure: BmcFailureKind; readonly why: string };

/** What became of the install, read from its run directory. */
export type InstallLook =
  | { readonly kind: "absent" }
  | { readonly kind: "running"; readonly line: string }
  | { readonly kind: "succeeded" }
  | { readonly kind: "cancelled" }
  | ({ readonly kind: "failed" } & Explanation);

/** What the installed system said, or why it did not; of two kinds it had to prove its host key all the same. */
export type SystemLook =
  | { readonly kind: "answers"; readonly report: NodeReport }
  | { readonly kind: SshFailureKind | "unknown-key"; readonly why: string };

/** One TCP port, tried from this server. */
export interface PortLook {
  readonly service: ServiceName;
  readonly port: number;
  readonly state: "open" | "refused" | "silent";
}

/** A TLS handshake with one of the node's services. */
export interface HandshakeLook {
  readonly service: ServiceName;
  readonly presented: Presented;
}

export interface Evidence {
  readonly node: Node;
  /** The Raft layers that it is to be a member of. */
  readonly ownLayers: readonly Layer[];
  /** Milliseconds since the epoch, by this server's clock. */
  readonly nowMs: number;
  readonly state: NodeState;
  /** The newest of the node. */
  readonly operation: Operation | undefined;
  /** How far its last network boot came, since that operation began. */
  readonly boot: BootStage;
  /** The address that it was given and found in use by another machine; nothing was given to it since. */
  readonly declined: string | undefined;
  /** What its console says is wrong. */
  readonly consoleFault: string | undefined;
  /** The last stage that its console shows. */
  readonly consoleStage: string | undefined;
  /** The node that forms the cluster, or did. Undefined until one is to, and for a cluster that was not formed from here. */
  readonly founder: string | undefined;
  /** Whether the cluster was formed once. */
  readonly formed: boolean;
  /** End of the certificate that was issued last, and its SHA-256. */
  readonly issued: { readonly notAfterMs: number; readonly fingerprint: string } | undefined;
  readonly server: Known<ServerLook>;
  /** What `rackstrap check` says of this server's interfaces and firewall. */
  readonly surroundings: Known<readonly CheckLine[]>;
  readonly bmc: Known<BmcLook>;
  readonly installer: Known<InstallerLook>;
  readonly install: Known<InstallLook>;
  readonly system: Known<SystemLook>;
  readonly ports: Known<readonly PortLook[]>;
  readonly handshakes: Known<readonly HandshakeLook[]>;
  readonly layers: Known<readonly Judgement[]>;
}

/** Who answers at the provisioning address; `diskProblem` is why the declared disk is not on it. */
export interface InstallerLook {
  readonly identification: Identification;
  readonly diskProblem: string | undefined;
}

/** True when the step of the newest operation has ended well. */
export function stepDone({ operation }: Pick<Evidence, "operation">, id: string): boolean {
  return operation?.steps.find((step) => step.id === id)?.status === "done";
}

/** True when the installed system has proved that it runs: over SSH, by its certificate, or as a member. */
export function systemLives(evidence: Evidence): boolean {
  const { system, handshakes, layers, node } = evidence;
  return (
    (system.known && provesHostKey(system.value)) ||
    (handshakes.known && handshakes.value.some(({ presented }) => presented.kind === "issued")) ||
    (layers.known && layers.value.some(({ healthyVoters }) => healthyVoters.includes(node.name)))
  );
}

/** The host key is checked before the user: who was turned away as a user, had proof of the host. */
export function provesHostKey({ kind }: SystemLook): boolean {
  return kind === "answers" || kind === "authentication" || kind === "command";
}

/** True when the installer has shown the host key that it was given. */
export function installerLives({ installer }: Evidence): boolean {
  if (!installer.known) return false;
  const { kind } = installer.value.identification;
  return kind !== "not-reachable" && kind !== "host-key-changed";
}

/** The node's own report, where it gave one. */
export function reportOf({ system }: Evidence): NodeReport | undefined {
  return system.known && system.value.kind === "answers" ? system.value.report : undefined;
}
