// Machines behind the relay: they ask as RFC 2131 §3.1 and §3.2 say, again and again, and every ACK that reaches one is kept.

import { messageTypes } from "../../../src/dhcp/client.ts";
import { option } from "../../../src/dhcp/options.ts";
import { decodePacket, encodePacket, type Packet } from "../../../src/dhcp/packet.ts";
import type { Ipv4 } from "../../../src/net/ipv4.ts";
import { type Mac, macFromBytes } from "../../../src/net/mac.ts";
import { addressOption, ip, request } from "../../dhcp/site.ts";
import { type Relay, relayAddress } from "./network.ts";

export interface Acknowledged {
  readonly mac: Mac;
  readonly address: Ipv4;
}

export interface Machines {
  /** Every ACK with an address, in the order of arrival. */
  readonly acknowledged: readonly Acknowledged[];
  /** How many NAKs have arrived. */
  refusals(): number;
  /** Resolves when so many more answers have arrived. */
  heard(count: number): Promise<void>;
  /** DISCOVER to ACK, until the signal. Resolves to the address, or to undefined when it was not to be had. */
  lease(mac: Mac, signal: AbortSignal): Promise<Ipv4 | undefined>;
  /** DISCOVER to OFFER, asking for an address or for any. */
  discover(mac: Mac, wished: Ipv4 | undefined, signal: AbortSignal): Promise<Ipv4 | undefined>;
  /** A machine that starts with an address it knows; resolves to what it is told. */
  reboot(mac: Mac, address: Ipv4, signal: AbortSignal): Promise<"ACK" | "NAK" | undefined>;
}

/** Much shorter than a machine's four seconds: the tests wait for the server and not for the machines. */
const againMs = 100;

export function createMachines(relay: Relay): Machines {
  const acknowledged: Acknowledged[] = [];
  const waiting = new Map<number, (answer: Packet) => void>();
  let nextXid = 1;
  let refusals = 0;
  let answers = 0;
  const listeners = new Map<() => void, number>();

  relay.onDatagram((datagram) => {
    const packet = decodePacket(datagram);
    if ("malformed" in packet) throw new Error(packet.malformed);
    if (typeOf(packet) === "NAK") refusals += 1;
    if (typeOf(packet) === "ACK") acknowledged.push({ mac: macOf(packet), address: packet.yiaddr });
    answers += 1;
    for (const [resolve, count] of listeners) if (count <= answers) resolve();
    waiting.get(packet.xid)?.(packet);
  });

  function ask(
    type: "DISCOVER" | "REQUEST",
    mac: Mac,
    options: Readonly<Record<number, Buffer>>,
    signal: AbortSignal,
  ): Promise<Packet | undefined> {
    if (signal.aborted) return Promise.resolve(undefined);
    const xid = nextXid++;
    const packet = request(type, { mac, xid, hops: 1, giaddr: ip(relayAddress), options });
    const { datagram } = encodePacket(packet);
    return new Promise((resolve) => {
      const end = (answer?: Packet) => {
        clearInterval(timer);
        signal.removeEventListener("abort", onAbort);
        waiting.delete(xid);
        resolve(answer);
      };
      const onAbort = () => end();
      const timer = setInterval(() => relay.send(datagram), againMs);
      signal.addEventListener("abort", onAbort);
      waiting.set(xid, end);
      relay.send(datagram);
    });
  }

  const wish = (address: Ipv4) => ({ [option.requestedAddress]: addressOption(address) });

  async function lease(mac: Mac, signal: AbortSignal): Promise<Ipv4 | undefined> {
    for (;;) {
      const offer = await ask("DISCOVER", mac, {}, signal);
      const serverId = offer?.options.get(option.serverId);
      if (offer === undefined || serverId === undefined) return undefined;
      const chosen = { ...wish(offer.yiaddr), [option.serverId]: serverId };
      const answer = await ask("REQUEST", mac, chosen, signal);
      if (answer === undefined) return undefined;
      if (typeOf(answer) === "ACK") return answer.yiaddr;
    }
  }

  return {
    acknowledged,
    refusals: () => refusals,
    heard: (count) => new Promise((resolve) => listeners.set(resolve, answers + count)),
    lease,
    discover: async (mac, wished, signal) =>
      (await ask("DISCOVER", mac, wished === undefined ? {} : wish(wished), signal))?.yiaddr,
    async reboot(mac, address, signal) {
      const answer = await ask("REQUEST", mac, wish(address), signal);
      return answer === undefined ? undefined : typeOf(answer) === "ACK" ? "ACK" : "NAK";
    },
  };
}

/** The machine with that number, up to 65535. */
export function machine(number: number): Mac {
  const digits = number.toString(16).padStart(4, "0");
  return `02:fa:17:00:${digits.slice(0, 2)}:${digits.slice(2)}` as Mac;
}

export function machinesFrom(first: number, count: number): Mac[] {
  return Array.from({ length: count }, (_, i) => machine(first + i));
}

/** Leases that were lost or given twice: a machine with two addresses, an address with two machines. */
export function contradictions(acknowledged: readonly Acknowledged[]): string[] {
  const addressOf = new Map<Mac, Ipv4>();
  const machineOf = new Map<Ipv4, Mac>();
  return acknowledged.flatMap(({ mac, address }) => {
    const before = addressOf.get(mac) ?? address;
    const owner = machineOf.get(address) ?? mac;
    addressOf.set(mac, address);
    machineOf.set(address, mac);
    return [
      ...(before === address ? [] : [`${mac} had ${before} and got ${address}`]),
      ...(owner === mac ? [] : [`${address} was of ${owner} and was given to ${mac}`]),
    ];
  });
}

function typeOf({ options }: Packet): string | undefined {
  const type = options.get(option.messageType)?.[0];
  return Object.entries(messageTypes).find(([, value]) => value === type)?.[0];
}

function macOf({ chaddr }: Packet): Mac {
  return macFromBytes(chaddr.subarray(0, 6)) as Mac;
}
