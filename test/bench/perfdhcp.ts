// perfdhcp of Debian's kea-admin as the client: its command line, and what it prints as numbers.

import { addresses, type Lab, runClient } from "./lab.ts";

export interface Load {
  /** Exchanges begun per second. */
  readonly rate: number;
  /** How many machines take turns, the first one first. */
  readonly clients: number;
  /** Whole seconds of sending. */
  readonly seconds: number;
  /** Stop after so many exchanges. */
  readonly exchanges?: number;
  /** DISCOVER and OFFER only: nothing is leased. */
  readonly discoverOnly?: boolean;
  /** Print when each packet left and came; costs perfdhcp memory. */
  readonly timestamps?: boolean;
  /** The MAC of the first machine is the base, and this further on. A multiple of 256: perfdhcp 2.2 loses the carry out of the last octet. */
  readonly firstClient?: number;
}

export interface Half {
  readonly sent: number;
  readonly received: number;
  /** Milliseconds from request to answer, of those answered; empty without timestamps. */
  readonly delaysMs: readonly number[];
}

export interface PerfdhcpReport {
  /** DISCOVER-OFFER. */
  readonly offer: Half;
  /** REQUEST-ACK; zeros when perfdhcp sent DISCOVERs only. */
  readonly ack: Half;
}

// What is still under way when sending stops is waited for, so that it doesn't count as lost.
const exitWaitMicroseconds = 400_000;
// 0 = all was answered, 3 = not all was.
const expectedCodes: readonly (number | null)[] = [0, 3];

/** Runs it once. Throws what it printed when it fails for another reason than unanswered requests. */
export async function perfdhcp(lab: Lab, load: Load): Promise<PerfdhcpReport> {
  const argv = perfdhcpArguments(load);
  const result = await runClient(lab, argv, (load.seconds + 30) * 1000);
  if (!expectedCodes.includes(result.code))
    throw new Error(
      `${argv.join(" ")} ended with ${result.code}: ${result.stderr || result.stdout}`,
    );
  return parsePerfdhcp(result.stdout);
}

/** The share of requests without an answer, 0-1: of the two halves the larger. */
export function dropShare({ offer, ack }: PerfdhcpReport): number {
  return Math.max(...[offer, ack].map(lostShare));
}

function lostShare({ sent, received }: Half): number {
  return sent === 0 ? 0 : (sent - received) / sent;
}

function perfdhcpArguments(load: Load): string[] {
  const { rate, clients, seconds, exchanges, discoverOnly, timestamps, firstClient = 0 } = load;
  const offset = firstClient
    .toString(16)
    .padStart(6, "0")
    .replace(/..(?!$)/g, "$&:");
  return [
    ...["perfdhcp", "-4", "-l", addresses.relay, "-b", `mac=02:10:00:${offset}`],
    ...["-r", `${rate}`, "-R", `${clients}`, "-p", `${seconds}`],
    // Once for each half of the exchange.
    ...(exchanges === undefined ? [] : ["-n", `${exchanges}`]),
    ...(discoverOnly ? ["-i"] : []),
    ...(timestamps ? ["-x", "t"] : []),
    ...["-W", `${exitWaitMicroseconds}`, addresses.server],
  ];
}

/** Reads what perfdhcp printed at its end. Throws when the statistics aren't there. */
export function parsePerfdhcp(text: string): PerfdhcpReport {
  // perfdhcp's own "Rate" is not used: it counts the time it waits at the end.
  const sections = new Map(
    text.split(/^\*\*\*/m).map((section) => {
      const [title = "", body = ""] = section.split(/\*\*\*$/m, 2);
      return [title, body];
    }),
  );
  const half = (name: string): Half | undefined => {
    const body = sections.get(`Statistics for: ${name}`);
    return body === undefined
      ? undefined
      : {
          sent: countIn(body, "sent packets"),
          received: countIn(body, "received packets"),
          delaysMs: delaysIn(sections.get(`Timestamps for packets: ${name}`) ?? ""),
        };
  };
  const offer = half("DISCOVER-OFFER");
  if (offer === undefined)
    throw new Error(`perfdhcp printed no statistics: ${text.trim().slice(-500)}`);
  return { offer, ack: half("REQUEST-ACK") ?? { sent: 0, received: 0, delaysMs: [] } };
}

function countIn(body: string, name: string): number {
  const found = new RegExp(`^${name}: (\\d+)$`, "m").exec(body);
  if (found === null) throw new Error(`perfdhcp printed no "${name}": ${body.trim()}`);
  return Number(found[1]);
}

function delaysIn(body: string): number[] {
  const lines = body.matchAll(/^sent \/ received: (\d+\.\d+) \/ (\d+\.\d+)$/gm);
  return Array.from(lines, ([, sent, received]) => (Number(received) - Number(sent)) * 1000);
}
