// Whether a request may have what is made for one machine. It only narrows what decide.ts has decided: a MAC is
// no credential, so the request must also come from that machine's address, and for a document carry its nonce.
// HTTP and TFTP ask it alike.

import type { Mac } from "../net/mac.ts";
import { type BootPlan, type Decision, decide, type Subject } from "./decide.ts";
import { installNonce, isNonce } from "./nonce.ts";

/** What is known of the address that a request comes from. */
export type Standing =
  /** It is that machine's: by our DHCP, or as another server was heard to be asked. */
  | { readonly kind: "given"; readonly to: Mac }
  /** We gave it to nobody. */
  | { readonly kind: "not-given" }
  /** Another server gives the addresses there (proxyDHCP), and nobody was heard to ask it for this one. */
  | { readonly kind: "not-heard" };

/** Who comes from which address. */
export interface Addresses {
  standing(address: string): Standing;
}

/** What a request is judged by. */
export interface Gate {
  /** What is known about the machine with that MAC. */
  readonly subject: (mac: Mac) => Subject;
  readonly addresses: Addresses;
  /** The secret that the nonces of installs are made with. */
  readonly nonceKey: string;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
}

export interface Request {
  /** In whose name it asks. */
  readonly mac: Mac;
  readonly address: string;
  readonly standing: Standing;
}

type InstallerPlan = Extract<BootPlan, { readonly kind: "installer" }>;

/** `refused` is for the operator; whoever asked gets no detail. */
export type Access = { readonly granted: InstallerPlan } | { readonly refused: string };

/** Why `address` is not to be taken for the machine's, or undefined when it is. */
export function wrongAddress({ mac, address, standing }: Request): string | undefined {
  switch (standing.kind) {
    case "given":
      return standing.to === mac ? undefined : `${address} is the address of ${standing.to}`;
    case "not-given":
      return `${address} was given to no machine by DHCP`;
    case "not-heard":
      return `no machine was heard to ask for ${address}, and another server gives the addresses there: let its DHCP requests reach this server too`;
  }
}

/** Whether `address` may have a document of the install of `mac`. `offered` is the nonce that the request carries. */
export function permit(gate: Gate, mac: Mac, address: string, offered: string | undefined): Access {
  const decision = decide(gate.subject(mac), gate.now());
  const standing = gate.addresses.standing(address);
  const nonce = (intentId: string) => installNonce(gate.nonceKey, intentId);
  return judgeDocument({ mac, address, standing }, decision, nonce, offered);
}

/** The judgement alone. Pure. `nonce` is that of the install, `offered` what the request carries. */
export function judgeDocument(
  request: Request,
  { boot, reason }: Decision,
  nonce: (intentId: string) => string,
  offered: string | undefined,
): Access {
  if (boot.kind !== "installer") return { refused: reason };
  const wrong = wrongAddress(request);
  if (wrong !== undefined) return { refused: wrong };
  if (offered === undefined) return { refused: "the request carries no nonce" };
  if (!isNonce(offered, nonce(boot.intentId)))
    return { refused: "the request carries a nonce that is not this install's" };
  return { granted: boot };
}
