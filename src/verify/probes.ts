// What the checks ask of the cluster around them. system.ts is the real one.

import type { Answer } from "../cluster/client.ts";
import type { Layer } from "../cluster/driver.ts";
import type { Observation } from "../cluster/judge.ts";
import type { Node } from "../inventory/schema.ts";
import type { Secret } from "../net/secret.ts";

export interface ServiceRequest {
  readonly port: number;
  readonly method: "GET" | "POST";
  readonly path: string;
  readonly body?: unknown;
  readonly bearer?: Secret | undefined;
}

/** What a service said, whatever its status, or one sentence on why it said nothing. */
export type ServiceAnswer =
  | {
      readonly kind: "answered";
      readonly status: number;
      /** Undefined when it was no JSON. */
      readonly body: unknown;
      /** From the request to the last octet of the answer. */
      readonly tookMs: number;
    }
  | { readonly kind: "failed"; readonly why: string };

/** The certificate that a port shows to those who connect, or one sentence on why none was seen. */
export type Shown =
  | {
      readonly kind: "shown";
      readonly notBeforeMs: number;
      readonly notAfterMs: number;
      /** SHA-256 of it in DER, hexadecimal. */
      readonly fingerprint: string;
      /** Why it does not chain to the cluster CA; undefined when it does. */
      readonly chainFault: string | undefined;
      /** It names the node by its full name (RFC 6125). */
      readonly namesNode: boolean;
      /** Its subjectAltName as text. */
      readonly names: string;
    }
  | { readonly kind: "silent"; readonly why: string };

/** What came of a command on a node: its stdout, or one sentence on why there is none. */
export type CommandAnswer =
  | { readonly ok: true; readonly stdout: string }
  | {
      readonly ok: false;
      /** `command`: it ran and ended badly. `unknown-key`: nobody knows which host key the node has. */
      readonly kind: string;
      readonly why: string;
    };

/** Runs commands on installed nodes as root. */
export interface Shell {
  run(
    node: Node,
    command: string,
    options: { readonly timeoutMs: number; readonly input?: string },
    signal: AbortSignal,
  ): Promise<CommandAnswer>;
}

export type LayerLook = readonly [Layer, ReadonlyMap<string, Observation>];

/** Each call ends by itself within seconds. */
export interface Probes {
  /** Every declared node asked for each layer, at the same time. */
  observe(signal: AbortSignal): Promise<readonly LayerLook[]>;
  ask(node: Node, request: ServiceRequest, signal: AbortSignal): Promise<ServiceAnswer>;
  /** The IPv4 addresses that the name server on a node has for `name`. Throws an error with a code such as ENOTFOUND. */
  addressesOf(node: Node, port: number, name: string): Promise<readonly string[]>;
  handshake(node: Node, port: number, signal: AbortSignal): Promise<Shown>;
  readonly shell: Shell;
  /** Writes a key of its own through the leader and reads it through the follower, both named by node. */
  roundTrip(
    layer: Layer,
    leader: string,
    follower: string,
    signal: AbortSignal,
  ): Promise<Answer<unknown>>;
  /** Over a connection that is kept. */
  putKey(
    layer: Layer,
    node: Node,
    key: string,
    value: string,
    signal: AbortSignal,
  ): Promise<Answer<undefined>>;
  /** For GET /api/users; undefined where the inventory names none. */
  iamToken(): Promise<Secret> | undefined;
  /** SHA-256 of the certificate that was issued last for a node; undefined when none was issued from here. */
  issuedFingerprint(node: string): string | undefined;
  /** Milliseconds of the day. */
  now(): number;
  /** Milliseconds that only grow. */
  elapsed(): number;
  /** A number that earlier runs have hardly written. */
  mark(): number;
}
