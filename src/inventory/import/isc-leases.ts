// Reads dhcpd.leases(5), a journal: the last entry of an address counts. Pure.

import type { Lease } from "../../dhcp/lease-table.ts";
import { parseIpv4 } from "../../net/ipv4.ts";
import { firstWord } from "./isc-advice.ts";
import { decodeText, type Token } from "./isc-lexer.ts";
import { formatStatement, iscStatements, placeOf, type Statement } from "./isc-tree.ts";
import { neverMs, nobody, type OldLeases } from "./leases.ts";
import { parseLooseMac } from "./network.ts";
import { type Note, type Read, total } from "./source.ts";

/** Reads a lease file; an entry that makes no sense is a note, a file that is no lease file is malformed. */
export function parseIscLeases(bytes: Buffer, file: string): Read<OldLeases> {
  return total(() => {
    const leases = new Map<string, Lease>();
    const notes = new Map<string, Note>();
    for (const statement of iscStatements(bytes.toString("latin1"), file)) {
      const key = formatStatement(statement);
      const reading = readStatement(statement);
      if (reading === undefined) continue;
      if ("instead" in reading)
        notes.set(key, { place: placeOf(statement), what: key, instead: reading.instead });
      else if (reading.lease === undefined) leases.delete(reading.address);
      else {
        // Deleted first, so that the order is that of the last entries.
        leases.delete(reading.address);
        leases.set(reading.address, reading.lease);
      }
    }
    return { leases: [...leases.values()], notes: [...notes.values()] };
  });
}

type LeaseReading =
  | { readonly address: string; readonly lease: Lease | undefined }
  | { readonly instead: string };

function readStatement(statement: Statement): LeaseReading | undefined {
  const { words, block } = statement;
  switch (firstWord(statement)) {
    case "lease":
      return block === undefined
        ? { instead: "it has no entry in braces: skipped" }
        : readLease(words[1]?.text ?? "", block);
    case "host":
    case "group":
    case "class":
    case "subclass":
      return { instead: "it was declared while dhcpd ran: declare the machine under nodes" };
    case "ia-na":
    case "ia-ta":
    case "ia-pd":
      return { instead: "rackstrap serves IPv4 only: skipped" };
    // The server's own records: its byte order, its identity, the state of its failover peer.
    default:
      return undefined;
  }
}

function readLease(text: string, block: readonly Statement[]): LeaseReading {
  const address = parseIpv4(text);
  if (address === undefined) return { instead: `"${text}" is not an IPv4 address: skipped` };
  const words = (...keys: string[]) =>
    block
      .find((one) => keys.every((key, i) => one.words[i]?.text === key))
      ?.words.slice(keys.length);
  const state = stateOf(words("binding", "state")?.[0]?.text, words("abandoned") !== undefined);
  if (state === undefined)
    return {
      instead: `the binding state ${words("binding", "state")?.[0]?.text} is unknown: skipped`,
    };
  const hardware = words("hardware");
  const mac =
    hardware?.[0]?.text === "ethernet" ? parseLooseMac(hardware[1]?.text ?? "") : undefined;
  if (mac === undefined && hardware !== undefined && state !== "released")
    return { instead: "its client has no Ethernet MAC of six octets: skipped" };
  if (mac === undefined && state === "bound") return { instead: "it names no client: skipped" };
  // A free address that nobody had, or that is kept for a failover peer.
  if (mac === undefined && state === "released") return { address, lease: undefined };
  const starts = parseTime(words("starts"));
  const lastSeenMs = parseTime(words("cltt")) ?? starts;
  const expiresAtMs = parseTime(words("ends"));
  if (expiresAtMs === undefined) return { instead: "it has no end that can be read: skipped" };
  const clientId = parseClientId(words("uid")?.[0]);
  const hostName = decodeText(words("client-hostname")?.[0]?.text ?? "");
  const lease = {
    address,
    mac: mac ?? nobody,
    ...(clientId === undefined ? {} : { clientId }),
    ...(hostName === "" ? {} : { hostName }),
    state,
    expiresAtMs,
    lastSeenMs: lastSeenMs ?? 0,
  };
  return { address, lease };
}

/** Before `binding state` came, an entry was active as long as it ran, or said `abandoned`. */
function stateOf(text: string | undefined, abandoned: boolean): Lease["state"] | undefined {
  switch (text) {
    case undefined:
      return abandoned ? "declined" : "bound";
    case "active":
    case "bootp":
      return "bound";
    case "abandoned":
      return "declined";
    case "free":
    case "expired":
    case "released":
    case "reset":
    case "backup":
      return "released";
    default:
      return undefined;
  }
}

/** `never`, `epoch SECONDS`, or `WEEKDAY YYYY/MM/DD HH:MM:SS [SECONDS]` in UTC, all as milliseconds since 1970. */
function parseTime(words: readonly Token[] | undefined): number | undefined {
  const [first, second, third, fourth] = (words ?? []).map(({ text }) => text);
  if (first === "never") return neverMs;
  if (first === "epoch") return /^\d{1,12}$/.test(second ?? "") ? Number(second) * 1000 : undefined;
  const day = /^(\d{4})\/(\d{1,2})\/(\d{1,2})$/.exec(second ?? "");
  const time = /^(\d{1,2}):(\d{1,2}):(\d{1,2})$/.exec(third ?? "");
  if (day === null || time === null) return undefined;
  const [year, month, date] = day.slice(1).map(Number);
  const [hour, minute, seconds] = time.slice(1).map(Number);
  const utc = Date.UTC(year ?? 0, (month ?? 1) - 1, date, hour, minute, seconds);
  const offset = Number(fourth ?? 0);
  return Number.isFinite(offset) ? utc + offset * 1000 : undefined;
}

/** A string of octets, or octets in hexadecimal with colons between. */
function parseClientId(word: Token | undefined): string | undefined {
  if (word === undefined || word.text === "") return undefined;
  if (word.kind === "string") return Buffer.from(word.text, "latin1").toString("hex");
  const octets = word.text.toLowerCase().split(":");
  return octets.every((octet) => /^[0-9a-f]{1,2}$/.test(octet))
    ? octets.map((octet) => octet.padStart(2, "0")).join("")
    : undefined;
}
