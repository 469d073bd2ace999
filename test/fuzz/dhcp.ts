// Feeds the DHCP engine datagrams of every bad kind, in virtual time and with a store that fails now and then, and watches
// its answers. No sockets; the same seed sends the same datagrams.

import { type Answer, createEngine, type DhcpEngine, type Request } from "../../src/dhcp/engine.ts";
import { isMalformed, option, readAddress } from "../../src/dhcp/options.ts";
import { decodePacket } from "../../src/dhcp/packet.ts";
import type { DhcpEvent } from "../../src/dhcp/policy.ts";
import { anyAddress, type Ipv4 } from "../../src/net/ipv4.ts";
import { type Mac, macFromBytes } from "../../src/net/mac.ts";
import {
  createMemoryLeaseJournal,
  type MemoryLeaseJournal,
} from "../fakes/memory-lease-journal.ts";
import { seededRandom } from "../fakes/seeded-random.ts";
import { loadDialogues } from "../fixtures/dhcp.ts";
import {
  mutated,
  nearbyAddress,
  pick,
  type Random,
  randomBytes,
  type Wish,
  wellFormed,
} from "./datagrams.ts";
import {
  config,
  createWitness,
  interfaces,
  type Problem,
  policy,
  relays,
  reservedMacs,
  type Witness,
} from "./dhcp-world.ts";
import { type FuzzOptions, type FuzzReport, runFuzz } from "./report.ts";

/** A client as far as its next request depends on it. */
interface Memory {
  readonly mac: Mac;
  readonly address: Ipv4;
  readonly giaddr: Ipv4;
  readonly serverId: Ipv4 | undefined;
}

interface World {
  readonly random: Random;
  readonly engine: DhcpEngine;
  readonly journal: MemoryLeaseJournal;
  readonly witness: Witness;
  readonly recorded: readonly Buffer[];
  /** The last offers and leases, so that dialogues go on. */
  readonly memories: Memory[];
  readonly events: DhcpEvent[];
  nowMs: number;
}

export function fuzzDhcp(options: FuzzOptions): FuzzReport {
  const world = createWorld(options.seed);
  return runFuzz(options, () => {
    const requests = nextBatch(world);
    const { problems, tookNs } = step(world, requests);
    const kinds = world.events.splice(0).map(({ kind }) => kind);
    const found = problems.map(({ what, mac }) => ({
      problem: what,
      datagrams: datagramsOf(requests, mac),
    }));
    return { packets: requests.length, tookNs, kinds, problems: found };
  });
}

function datagramsOf(requests: readonly Request[], mac: Mac | undefined): string[] {
  return requests
    .map(({ datagram }) => datagram)
    .filter((datagram) => mac === undefined || macFromBytes(datagram.subarray(28, 34)) === mac)
    .map((datagram) => datagram.toString("hex"));
}

function createWorld(seed: number): World {
  const journal = createMemoryLeaseJournal();
  const events: DhcpEvent[] = [];
  const nowMs = 1_000_000;
  const onEvent = (event: DhcpEvent) => events.push(event);
  return {
    random: seededRandom(seed),
    engine: createEngine({ config, policy, journal, onEvent, ownMacs: new Set() }, nowMs),
    journal,
    witness: createWitness(journal),
    recorded: loadDialogues().flatMap(({ datagrams }) =>
      datagrams.map(({ hex }) => Buffer.from(hex, "hex")),
    ),
    memories: [],
    events,
    nowMs,
  };
}

/** One batch, and now and then what the server does by itself. */
function step(world: World, requests: readonly Request[]): { problems: Problem[]; tookNs: number } {
  const { random, engine, journal, witness, events } = world;
  passTime(world);
  journal.broken = random(journal.broken ? 100 : 5_000) === 0 ? !journal.broken : journal.broken;
  let tookNs = 0;
  const answersOf = (act: () => readonly Answer[]) => {
    const before = process.hrtime.bigint();
    const answers = act();
    tookNs = Number(process.hrtime.bigint() - before);
    remember(world, answers);
    return answers;
  };
  const problems: Problem[] = [];
  try {
    if (random(16) === 0) {
      for (const address of engine.takeProbes())
        if (random(40) === 0) engine.addressAnswered(address, world.nowMs);
      const answers = answersOf(() => engine.tick(world.nowMs));
      problems.push(...witness.judge([], answers, events, world.nowMs));
    }
    const seen = events.length;
    const answers = answersOf(() => engine.receive(requests, world.nowMs));
    problems.push(...witness.judge(requests, answers, events.slice(seen), world.nowMs));
  } catch (error) {
    problems.push({ what: `it threw: ${error instanceof Error ? error.stack : String(error)}` });
  }
  return { problems, tookNs };
}

function passTime(world: World): void {
  const { random } = world;
  world.nowMs += random(4);
  if (random(200) === 0) world.nowMs += random(2_000);
  if (random(10_000) === 0) world.nowMs += random(3_600_000);
}

function remember({ random, memories }: World, answers: readonly Answer[]): void {
  for (const { datagram } of answers) {
    const packet = decodePacket(datagram);
    const mac = "malformed" in packet ? undefined : macFromBytes(packet.chaddr);
    if ("malformed" in packet || mac === undefined || packet.yiaddr === anyAddress) continue;
    const named = readAddress(packet.options, option.serverId);
    const serverId = isMalformed(named) ? undefined : named;
    memories[random(512)] = { mac, address: packet.yiaddr, giaddr: packet.giaddr, serverId };
  }
}

function nextBatch(world: World): Request[] {
  const { random } = world;
  const size = random(12) > 0 ? 1 : random(2_000) > 0 ? 2 + random(40) : 600 + random(200);
  return Array.from({ length: size }, () => nextRequest(world));
}

function nextRequest(world: World): Request {
  const { random } = world;
  return {
    datagram: nextDatagram(world),
    receiver: pick(random, interfaces),
    port: random(12) === 0 ? "pxe" : "dhcp",
    source: {
      address: random(2) === 0 ? anyAddress : nearbyAddress(random),
      port: random(2) === 0 ? 68 : 1 + random(65_535),
    },
  };
}

function nextDatagram({ random, recorded, memories }: World): Buffer {
  const capture = pick(random, recorded) ?? Buffer.alloc(0);
  switch (random(8)) {
    case 0:
    case 1:
      return mutated(random, capture, recorded);
    case 2:
      return capture;
    case 3:
      return mutated(random, wellFormed(random, newWish(random)), recorded);
    case 4:
      return wellFormed(random, newWish(random));
    default: {
      const memory = memories[random(512)];
      const request = wellFormed(random, memory ? nextWish(random, memory) : newWish(random));
      return random(10) === 0 ? mutated(random, request, recorded) : request;
    }
  }
}

const types = ["DISCOVER", "REQUEST", "DECLINE", "RELEASE", "INFORM"] as const;

/** Of a machine that knows nothing, or claims to know anything. */
function newWish(random: Random): Wish {
  const sometimes = () => (random(6) === 0 ? nearbyAddress(random) : undefined);
  return {
    type: random(3) === 0 ? pick(random, types) : "DISCOVER",
    mac: random(10) === 0 ? (pick(random, reservedMacs) ?? stranger(random)) : stranger(random),
    ciaddr: sometimes(),
    giaddr: random(2) === 0 ? pick(random, relays) : sometimes(),
    requested: sometimes(),
    serverId: sometimes(),
    relayInfo: random(4) === 0 ? relayInfo(random) : undefined,
  };
}

/** Of a machine that was offered or given an address: what RFC 2131 has it say next, or another machine says in its place. */
function nextWish(random: Random, { mac, address, giaddr, serverId }: Memory): Wish {
  const self = random(20) === 0 ? stranger(random) : mac;
  const from = { mac: self, giaddr };
  switch (random(8)) {
    case 0:
      return { ...from, type: "RELEASE", ciaddr: address, serverId };
    case 1:
      return { ...from, type: "DECLINE", requested: address, serverId };
    case 2:
      return { ...from, type: "REQUEST", ciaddr: address };
    case 3:
      return { ...from, type: "REQUEST", requested: address };
    case 4:
      return { ...from, type: "DISCOVER", requested: address };
    default:
      return { ...from, type: "REQUEST", requested: address, serverId };
  }
}

/** One of six thousand machines that nobody has declared. */
function stranger(random: Random): Mac {
  const number = random(6_000).toString(16).padStart(4, "0");
  return `02:00:00:00:${number.slice(0, 2)}:${number.slice(2)}` as Mac;
}

/** Sub-options 1, 2, 5 and 11 of option 82, of right and wrong lengths. */
function relayInfo(random: Random): Buffer {
  const parts = [1, 2, 5, 11].flatMap((number) => {
    if (random(2) === 0) return [];
    const data =
      number < 5 ? Buffer.of(random(100)) : randomBytes(random, random(10) === 0 ? random(8) : 4);
    if (number === 5 && data.length === 4 && random(4) > 0) data.set([10, 0, 96 + random(16)]);
    return [Buffer.of(number, data.length), data];
  });
  return Buffer.concat(parts);
}
