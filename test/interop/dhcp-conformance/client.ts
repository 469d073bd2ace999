// A machine played by the suite: a MAC, a place on the network, and what it says and hears.

import { randomInt } from "node:crypto";
import {
  addressBytes,
  addresses,
  encodeMessage,
  type Header,
  numeric,
  type OptionPair,
} from "./message.ts";
import type { Network, Reply } from "./network.ts";
import { rackLink, relayOf, type Site, type Subnet } from "./site.ts";

/** How long an answer may take, and how long silence is listened to. */
const patienceMs = 1500;
const silenceMs = 220;

export const types = {
  discover: 1,
  offer: 2,
  request: 3,
  decline: 4,
  ack: 5,
  nak: 6,
  release: 7,
  inform: 8,
} as const;

/** How a message goes on the wire, where it differs from a fresh client's broadcast. */
export interface Manner {
  readonly header?: Partial<Header>;
  /** Unicast from this address, past the client's relay. */
  readonly from?: string;
  readonly sourcePort?: number;
  readonly port?: number;
}

export interface Client {
  readonly mac: string;
  readonly chaddr: Buffer;
  /** The newest ACK of each address it got. */
  readonly leases: ReadonlyMap<string, Reply>;
  /** Sends without waiting. */
  tell(type: number, options?: readonly OptionPair[], manner?: Manner): void;
  /** The first reply; throws when there is none. */
  ask(type: number, options?: readonly OptionPair[], manner?: Manner): Promise<Reply>;
  /** The first reply of a short while, or undefined. */
  hear(type: number, options?: readonly OptionPair[], manner?: Manner): Promise<Reply | undefined>;
  /** Every reply of a short while to these very bytes. */
  exchange(payload: Buffer, manner?: Manner): Promise<Reply[]>;
  /** DISCOVER, OFFER, REQUEST: the ACK. The options go into both messages, but option 50 only into the first. */
  lease(options?: readonly OptionPair[]): Promise<Reply>;
  /** The REQUEST that takes an offer, and its reply. */
  take(offer: Reply, options?: readonly OptionPair[], manner?: Manner): Promise<Reply>;
  /** Bytes of a message of this client, for cases that spoil them. */
  encode(options: readonly OptionPair[], header?: Partial<Header>): Buffer;
}

export interface Place {
  readonly mac?: string;
  /** The subnet, or the giaddr, behind whose relay the client stands; unset, it is attached to `link`. */
  readonly behind?: Subnet | string;
  readonly link?: string;
}

let machines = 0;

function freshMac(): string {
  machines += 1;
  const last = machines.toString(16).padStart(6, "0");
  return `02:77:a0:${last.replace(/..(?=.)/g, "$&:")}`;
}

export const address = (code: number, value: string): OptionPair => [code, addressBytes(value)];

/** Options 54 and 50 of the REQUEST, DECLINE or RELEASE that answers an offer or a lease. */
export function identity(reply: Reply): OptionPair[] {
  const [server = "0.0.0.0"] = addresses(reply, 54) ?? [];
  return [address(54, server), address(50, reply.yiaddr)];
}

interface Mouth {
  readonly mac: string;
  encode(options: readonly OptionPair[], header?: Partial<Header>): Buffer;
  put(payload: Buffer, manner: Manner): void;
}

/** Where a client's messages come from and go to: broadcast, through its relay, or by unicast. */
function createMouth(network: Network, site: Site, place: Place): Mouth {
  const { mac = freshMac(), behind, link = rackLink } = place;
  const relay = typeof behind === "object" ? relayOf(behind) : behind;
  const server = site.interfaces.find(({ name }) => name === link)?.address ?? "";
  const origin = ({ from }: Manner) => {
    if (from !== undefined) return { etherSource: mac, source: from, destination: server };
    if (relay === undefined) return { etherSource: mac };
    const relayed = { source: relay, destination: server, sourcePort: 67 };
    return { etherSource: "02:77:dd:00:00:02", ...relayed };
  };
  const chaddr = Buffer.from(mac.replaceAll(":", ""), "hex");
  return {
    mac,
    encode: (options, header) => {
      const passed = relay === undefined ? {} : { giaddr: relay, hops: 1 };
      return encodeMessage({ chaddr, ...passed, ...header }, options);
    },
    put: (payload, manner) => {
      const { sourcePort, port } = manner;
      network.send(link, {
        ...origin(manner),
        ...(sourcePort === undefined ? {} : { sourcePort }),
        ...(port === undefined ? {} : { port }),
        payload,
      });
    },
  };
}

/** Every reply to a message within `waitMs`, or only the first one and no longer. */
function replies(network: Network, mouth: Mouth, payload: Buffer, manner: Manner, wait: Wait) {
  return new Promise<Reply[]>((resolve) => {
    const heard: Reply[] = [];
    const finish = () => {
      stop();
      clearTimeout(timer);
      resolve(heard);
    };
    const stop = network.listen(payload.readUInt32BE(4), (reply) => {
      heard.push(reply);
      if (wait.firstOnly) finish();
    });
    const timer = setTimeout(finish, wait.ms);
    mouth.put(payload, manner);
  });
}

interface Wait {
  readonly ms: number;
  readonly firstOnly: boolean;
}

/** A machine with a MAC of its own. */
export function createClient(network: Network, site: Site, place: Place = {}): Client {
  const mouth = createMouth(network, site, place);
  const leases = new Map<string, Reply>();
  const message = (type: number, options: readonly OptionPair[], { from, header }: Manner) =>
    mouth.encode([[53, Uint8Array.of(type)], ...options], {
      xid: randomInt(2 ** 32),
      ...(from === undefined ? {} : { giaddr: "0.0.0.0", hops: 0 }),
      ...header,
    });
  const first = async (
    ms: number,
    type: number,
    options: readonly OptionPair[],
    manner: Manner,
  ) => {
    const payload = message(type, options, manner);
    const [reply] = await replies(network, mouth, payload, manner, { ms, firstOnly: true });
    if (reply !== undefined && reply.yiaddr !== "0.0.0.0" && numeric(reply, 53) === types.ack)
      leases.set(reply.yiaddr, reply);
    return reply;
  };
  const client: Client = {
    mac: mouth.mac,
    chaddr: Buffer.from(mouth.mac.replaceAll(":", ""), "hex"),
    leases,
    encode: mouth.encode,
    tell: (type, options = [], manner = {}) => mouth.put(message(type, options, manner), manner),
    hear: (type, options = [], manner = {}) => first(silenceMs, type, options, manner),
    ask: async (type, options = [], manner = {}) => {
      const reply = await first(patienceMs, type, options, manner);
      if (reply === undefined)
        throw new Error(`no reply to the message of type ${type} from ${mouth.mac}`);
      return reply;
    },
    exchange: (payload, manner = {}) =>
      replies(network, mouth, payload, manner, { ms: silenceMs, firstOnly: false }),
    lease: async (options = []) => {
      const offer = await client.ask(types.discover, options);
      const ack = await client.take(
        offer,
        options.filter(([code]) => code !== 50),
      );
      if (numeric(ack, 53) !== types.ack)
        throw new Error(`${mouth.mac} asked for what it was offered and got no ACK`);
      return ack;
    },
    take: (offer, options = [], manner = {}) => {
      const header = { xid: offer.xid, ...manner.header };
      return client.ask(types.request, [...identity(offer), ...options], { ...manner, header });
    },
  };
  return client;
}
