// What a case is, and what it is given: machines of its own, subnets nobody else touches, and a clean-up.

import { expect } from "vitest";
import { address, type Client, createClient, type Manner, type Place, types } from "./client.ts";
import { addresses, numeric, type OptionPair } from "./message.ts";
import type { Network, Reply } from "./network.ts";
import { doubles, type Subnet, serverAddress, singles, site } from "./site.ts";

export interface Bench {
  readonly network: Network;
  client(place?: Place): Client;
  /** A relayed subnet with a pool of one address, for this case alone. */
  single(): Subnet;
  /** The same with two addresses. */
  double(): Subnet;
}

/** A sentence, where it is demanded, and the proof. */
export type Case = readonly [name: string, source: string, prove: (bench: Bench) => Promise<void>];

let singlesTaken = 0;
let doublesTaken = 0;

function next(subnets: readonly Subnet[], index: number): Subnet {
  const subnet = subnets[index];
  if (subnet === undefined) throw new Error("the site has too few small subnets for the cases");
  return subnet;
}

/** Runs a case and gives its leases back afterwards, so that the pools last for all of them. */
export async function runCase(network: Network, prove: Case[2]): Promise<void> {
  const clients: Client[] = [];
  const bench: Bench = {
    network,
    client: (place) => {
      const client = createClient(network, site, place);
      clients.push(client);
      return client;
    },
    single: () => next(singles, singlesTaken++),
    double: () => next(doubles, doublesTaken++),
  };
  try {
    await prove(bench);
  } finally {
    for (const client of clients)
      for (const lease of client.leases.values()) release(client, lease);
  }
}

/** Sends the RELEASE of a lease, as its owner. */
export function release(client: Client, lease: Reply, ...more: OptionPair[]): void {
  const [server = serverAddress] = addresses(lease, 54) ?? [];
  const id = lease.options.get(61);
  const options = [address(54, server), ...(id === undefined ? [] : [[61, id] as const]), ...more];
  client.tell(types.release, options, { from: lease.yiaddr, header: { ciaddr: lease.yiaddr } });
}

/** How a client that has `held` sends its RENEWING request (RFC 2131 §4.3.2): unicast, past its relay. */
export const renewing = (held: string): Manner => ({ from: held, header: { ciaddr: held } });
/** How it sends its REBINDING request: broadcast, or through the relay. */
export const rebinding = (held: string): Manner => ({ header: { ciaddr: held } });

export const bytes = (code: number, ...values: number[]): OptionPair => [
  code,
  Uint8Array.from(values),
];
export const ascii = (code: number, value: string): OptionPair => [code, Buffer.from(value)];
/** Option 55. */
export const asking = (...codes: number[]): OptionPair => bytes(55, ...codes);
/** Everything a well-configured client may ask for. */
export const everything = asking(
  ...[1, 3, 6, 15, 28, 12, 42, 26, 51, 54, 58, 59, 66, 67, 119, 121, 60, 43, 97],
);

export function expectType(reply: Reply | undefined, type: keyof typeof types): Reply {
  if (reply === undefined) throw new Error(`silence instead of an ${type.toUpperCase()}`);
  expect(numeric(reply, 53), "option 53 (message type)").toBe(types[type]);
  return reply;
}

export function expectSilence(reply: Reply | undefined): void {
  if (reply === undefined) return;
  const [name] = Object.entries(types).find(([, type]) => type === numeric(reply, 53)) ?? ["?"];
  throw new Error(`a ${name.toUpperCase()} of ${reply.yiaddr} instead of silence`);
}

/** Nothing that gives an address: silence and NAK are both right. */
export function expectNoLease(reply: Reply | undefined): void {
  if (reply !== undefined) expectType(reply, "nak");
}
