// The DHCP server without sockets, threads or a clock: datagrams in, datagrams out. What arrives together is decided
// together, made durable in one transaction, and answered after that: no ACK leaves before its lease is on disk.

import { messageOf } from "../net/error-text.ts";
import type { Ipv4 } from "../net/ipv4.ts";
import type { Mac } from "../net/mac.ts";
import { type Client, readClient } from "./client.ts";
import type { Conversation, Reply, Response } from "./conversation.ts";
import type { Lease, LeaseJournal } from "./lease-table.ts";
import {
  configureBook,
  createLeaseBook,
  keepOffer,
  type LeaseBook,
  probeAhead,
  releaseOffer,
  setAside,
} from "./leases.ts";
import { formatOption, option, relaySubOption, textData } from "./options.ts";
import { surplus } from "./overload.ts";
import { decodePacket, type EncodedPacket, encodePacket, type Packet } from "./packet.ts";
import type { DhcpConfig, DhcpEvent, DhcpInterface, DhcpPolicy } from "./policy.ts";
import { bootClassOf } from "./pxe.ts";
import { RateLimit } from "./rate-limit.ts";
import { respond } from "./respond.ts";
import { createStoring } from "./storing.ts";
import { WaitingRequests } from "./waiting-requests.ts";

export interface Request {
  readonly datagram: Buffer;
  /** The interface and port it arrived at. */
  readonly receiver: DhcpInterface;
  readonly port: Conversation["port"];
  readonly source: Conversation["source"];
}

export interface Answer {
  readonly datagram: Buffer;
  /** It leaves by the interface and port that its request arrived at. */
  readonly receiver: DhcpInterface;
  readonly port: Conversation["port"];
  readonly address: Ipv4;
  readonly toPort: number;
}

export interface EngineOptions {
  readonly config: DhcpConfig;
  readonly policy: DhcpPolicy;
  readonly journal: LeaseJournal;
  readonly onEvent: (event: DhcpEvent) => void;
  /** Our own hardware addresses: what the server itself sends is not answered. */
  readonly ownMacs: ReadonlySet<Mac>;
}

export interface DhcpEngine {
  /** Decides about the requests in their order. Times are milliseconds of a clock that never jumps. */
  receive(requests: readonly Request[], nowMs: number): readonly Answer[];
  /** Answers what has waited for a probe, and tries a journal that failed once more. To be called every tenth of a second or so. */
  tick(nowMs: number): readonly Answer[];
  /** True when a tick is due soon: a request waits for a probe. */
  isWaiting(): boolean;
  /** The addresses to ask for on the network, each once. */
  takeProbes(): readonly Ipv4[];
  /** A machine has answered for an address that was asked for. */
  addressAnswered(address: Ipv4, nowMs: number): void;
  /** Why no lease can be stored at the moment; undefined while they can. */
  storeFailure(): string | undefined;
  /** Every lease there is, ended ones too. */
  leases(): Iterable<Lease>;
  /** Decides by this from the next request on. Interfaces and the conflict probe stay as they were. */
  configure(config: DhcpConfig): void;
}

/** Of one machine without a reservation: a fifth of what can be answered, so that one in a loop leaves room for the rest. */
export const requestsPerSecond = 4_000;
/** Of all such machines behind one port of a relay, where far more requests are somebody making machines up. */
export const requestsPerSecondAndPort = 4_000;

export function createEngine(options: EngineOptions, nowMs: number): DhcpEngine {
  const { policy, journal, onEvent } = options;
  let { config } = options;
  const book = createLeaseBook(config, policy, journal.load(nowMs));
  const storing = createStoring(book, journal);
  const decide = createDecider(options, book, () => config);
  const waiting = new WaitingRequests<Request>();

  function receive(requests: readonly Request[], at: number): Answer[] {
    const passedOver = surplus(requests, (mac) => policy.reservation(mac) !== undefined);
    return answer(requests, at, (request) =>
      passedOver.has(request) ? overloaded : decide(request, at, "new"),
    );
  }

  function answer(
    requests: readonly Request[],
    at: number,
    responseTo: (request: Request) => Response | undefined,
  ): Answer[] {
    const replies: { request: Request; response: Response }[] = [];
    for (const request of requests) {
      const response = responseTo(request);
      if (response === undefined) continue;
      if (response.reply !== undefined) replies.push({ request, response });
      else if (response.probing === undefined || !waiting.add(request, response.probing))
        onEvent(response.event);
    }
    const failure = storing.commit(at);
    return replies.flatMap(({ request, response }) => finish(request, response, failure, at));
  }

  function finish(request: Request, response: Response, failure: string | undefined, at: number) {
    const { event, reply } = response;
    const reason = whyWithheld(response, failure, book);
    if (reply === undefined || reason !== undefined) {
      if (event.client !== undefined) withhold(book, event.kind, event.client.mac, at);
      onEvent({ kind: "dhcp-ignored", client: event.client, ...(reason && { reason }) });
      return [];
    }
    // A proxy's acknowledgement has no address, and leaves the offer of one alone.
    if (event.kind === "dhcp-acknowledged" && event.client && event.address !== undefined)
      book.offers.release(event.client.mac);
    // A reserved machine is answered all the same; that its row is missing is for people to know.
    const unstored = failure !== undefined && event.kind === "dhcp-acknowledged";
    onEvent(unstored ? { ...event, reason: failure } : event);
    return [encode(request, reply, event, onEvent)];
  }

  return {
    receive,
    tick(at) {
      storing.recover(at);
      book.probes?.settle(at);
      probeAhead(book, at);
      const requests = waiting.take((address) => book.probes?.isUnderWay(address) !== true);
      if (requests.length === 0) return [];
      return answer(requests, at, (request) => decide(request, at, "waited"));
    },
    isWaiting: () => waiting.size > 0,
    takeProbes: () => book.probes?.takeWanted() ?? [],
    addressAnswered(address, at) {
      if (book.probes?.answered(address) !== true) return;
      const lease = book.table.at(address);
      // Its own client, which did not wait to be answered.
      if (lease?.state === "bound" && lease.expiresAtMs > at) return;
      const intended = book.offers.heldBy(address, at);
      setAside(book, address, nobody, at);
      if (intended !== undefined) book.offers.release(intended);
      storing.commit(at);
      const reason = `${address} is in use by a machine that has no lease for it`;
      onEvent({ kind: "dhcp-conflict", client: undefined, address, reason });
    },
    storeFailure: () => book.storeFailure,
    leases: () => book.table.all(),
    configure(next) {
      config = next;
      configureBook(book, next);
    },
  };
}

/** A request that has waited for a probe was counted when it came. */
type Decide = (request: Request, nowMs: number, counted: "new" | "waited") => Response | undefined;

/** Returns undefined for what this server sent itself. */
function createDecider(
  { policy, ownMacs }: EngineOptions,
  book: LeaseBook,
  config: () => DhcpConfig,
): Decide {
  const perMac = new RateLimit(requestsPerSecond);
  const perPort = new RateLimit(requestsPerSecondAndPort);

  function isFlood(packet: Packet, client: Client, nowMs: number): boolean {
    if (policy.reservation(client.mac) !== undefined) return false;
    const relayPort = relayPortOf(packet, client);
    return (
      !perMac.allows(client.mac, nowMs) ||
      (relayPort !== undefined && !perPort.allows(relayPort, nowMs))
    );
  }

  const decide: Decide = ({ datagram, receiver, port, source }, nowMs, counted) => {
    const packet = decodePacket(datagram);
    if ("malformed" in packet) {
      const reason = `malformed at octet ${packet.offset}: ${packet.malformed}`;
      return { event: { kind: "dhcp-malformed" as const, client: undefined, reason } };
    }
    const client = readClient(packet);
    if ("ignore" in client) return silence(client.ignore);
    if (ownMacs.has(client.mac)) return undefined;
    const refused = policy.refusal(client.mac);
    if (refused !== undefined) return silence(refused, client);
    if (counted === "new" && isFlood(packet, client, nowMs))
      return silence("more requests in a second than a machine makes", client);
    return respond({ packet, client, receiver, port, source, config: config(), book, nowMs });
  };

  return (request, nowMs, counted) => {
    // One request that can't be decided must not keep the others from their answers.
    try {
      return decide(request, nowMs, counted);
    } catch (error) {
      return silence(`it could not be answered: ${messageOf(error)}`);
    }
  };
}

/** Why an answer must not leave: its lease is not on disk, or it tells a stranger to begin again, who would then get no offer. */
function whyWithheld(
  { event, reply }: Response,
  failure: string | undefined,
  book: LeaseBook,
): string | undefined {
  if (failure !== undefined && reply?.needsCommit === true) return failure;
  const { client } = event;
  const isStranger = client === undefined || book.policy.reservation(client.mac) === undefined;
  return event.kind === "dhcp-refused" && isStranger ? (failure ?? book.storeFailure) : undefined;
}

/** An answer that does not leave: who was to be acknowledged asks again, and an offer that nobody has seen is none. */
function withhold(book: LeaseBook, kind: DhcpEvent["kind"], mac: Mac, nowMs: number): void {
  if (kind === "dhcp-acknowledged") keepOffer(book, mac, nowMs);
  else releaseOffer(book, mac);
}

/** Holder of the addresses that were found in use before anybody had them. */
const nobody = "00:00:00:00:00:00" as Mac;

const overloaded = silence("more requests at once than can be answered");

function silence(reason: string, client?: Client): Response {
  return { event: { kind: "dhcp-ignored", client, reason } };
}

/** What a relay says of the port that the client is plugged into; undefined when it says nothing of it. */
function relayPortOf({ giaddr }: Packet, { relaySubOptions }: Client): string | undefined {
  const circuit = relaySubOptions.get(relaySubOption.circuitId);
  const remote = relaySubOptions.get(relaySubOption.remoteId);
  if (circuit === undefined && remote === undefined) return undefined;
  return `${giaddr}/${circuit?.toString("hex") ?? ""}/${remote?.toString("hex") ?? ""}`;
}

function encode(
  { receiver, port }: Request,
  reply: Reply,
  event: DhcpEvent,
  onEvent: EngineOptions["onEvent"],
): Answer {
  const { datagram, leftOut } = encodeReply(reply, event.client);
  if (leftOut.length > 0) {
    const names = leftOut.map(formatOption).join(", ");
    onEvent({ ...event, reason: `no room in ${reply.maxBytes} octets for ${names}` });
  }
  const { address, port: toPort } = reply.destination;
  return { datagram, receiver, port, address, toPort };
}

/** What does not fit is given the place of the boot file's name, unless that is for firmware: some reads the name nowhere else. */
function encodeReply({ packet, maxBytes }: Reply, client: Client | undefined): EncodedPacket {
  const encoded = encodePacket(packet, maxBytes);
  const isForFirmware = client === undefined || bootClassOf(client) !== undefined;
  if (encoded.leftOut.length === 0 || packet.file === "" || isForFirmware) return encoded;
  const options = new Map([...packet.options, [option.bootFileName, textData(packet.file)]]);
  const moved = encodePacket({ ...packet, file: "", options }, maxBytes);
  return moved.leftOut.length < encoded.leftOut.length ? moved : encoded;
}
