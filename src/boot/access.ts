// Whether a request may have what is made for one machine. It only narrows what decide.ts has decided: a MAC is
// no credential, so the request must also come from that machine's address, and for a document carry its nonce. Pure.

import type { Mac } from "../net/mac.ts";
import type { BootPlan, Decision } from "./decide.ts";
import { isNonce } from "./nonce.ts";

/** What is known of the address that a request comes from. */
export type Standing =
  /** Our DHCP gave it to this machine, by reservation or lease. */
  | { readonly kind: "given"; readonly to: Mac }
  /** It lies where we give the addresses, and we gave it to nobody. */
  | { readonly kind: "not-given" }
  /** Another server gives the addresses there (proxyDHCP): the address that fetched the script of this install first has it. */
  | { readonly kind: "foreign"; readonly first: string | undefined };

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
    case "foreign":
      // Nobody is first before the script went out, or after this server was started again.
      return standing.first === undefined || standing.first === address
        ? undefined
        : `this install's script went to ${standing.first} first, and ${address} asks`;
  }
}

/** Judges a request for a document of an install. `nonce` is that of the install, `offered` what the request carries. */
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
