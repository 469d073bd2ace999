// Does this machine's firewall let in what machines and operators send (runbook §3.4)? Reads nftables, else iptables. Pure but
// for one command. A rule set is not evaluated: where the way in is closed by default, a rule has to name the port.

import { z } from "zod";
import type { Inventory } from "../inventory/schema.ts";
import { type CheckLine, error, ok, warning } from "./line.ts";
import type { Surroundings } from "./surroundings.ts";

interface Port {
  readonly protocol: "udp" | "tcp";
  readonly port: number;
  readonly what: string;
}

export async function checkFirewall(
  inventory: Inventory,
  { run }: Pick<Surroundings, "run">,
): Promise<readonly CheckLine[]> {
  const subject = { area: "network" as const, title: "firewall" };
  const ports = portsOf(inventory);
  const nft = await run(["nft", "--json", "list", "ruleset"], 10_000);
  const iptables = nft?.exitCode === 0 ? undefined : await run(["iptables-save"], 10_000);
  const rules =
    nft?.exitCode === 0
      ? readNftables(nft.stdout)
      : iptables?.exitCode === 0
        ? readIptables(iptables.stdout)
        : undefined;
  if (rules === undefined)
    return [
      warning(
        subject,
        "neither nft nor iptables-save shows its rules here",
        `run the check as root; these must be let in: ${ports.map(nameOf).join(", ")}`,
      ),
    ];
  if (!rules.closed) return [ok(subject, "lets everything in that no rule forbids")];
  const missing = ports.filter(({ protocol, port }) => !rules.admits(protocol, port));
  if (missing.length === 0) return [ok(subject, `lets in ${ports.map(nameOf).join(", ")}`)];
  return [
    error(
      subject,
      `no rule lets in ${missing.map((port) => `${nameOf(port)} (${port.what})`).join(", ")}`,
      `add the rules, such as: nft add rule inet filter input ${missing.map(({ protocol, port }) => `${protocol} dport ${port} accept`).join("; ")}`,
    ),
  ];
}

/** Replies to DHCP relays come to port 67 as well, so 68 matters to clients alone. */
function portsOf({ server }: Inventory): readonly Port[] {
  return [
    { protocol: "udp", port: 67, what: "DHCP" },
    { protocol: "udp", port: 69, what: "TFTP" },
    { protocol: "udp", port: 4011, what: "PXE" },
    { protocol: "tcp", port: server.httpPort, what: "boot plane" },
  ];
}

const nameOf = ({ protocol, port }: Port): string => `${protocol} ${port}`;

/** What a machine's rules say of packets that come in. */
export interface Rules {
  /** Whether what no rule names is dropped. */
  readonly closed: boolean;
  admits(protocol: string, port: number): boolean;
}

type Span = readonly [protocol: string | undefined, first: number, last: number];

function rulesOf(closed: boolean, admitted: readonly Span[]): Rules {
  return {
    closed,
    admits: (protocol, port) =>
      admitted.some(
        ([of, first, last]) =>
          (of === undefined || of === protocol) && first <= port && port <= last,
      ),
  };
}

const chain = z.object({
  chain: z.object({
    hook: z.string().optional(),
    policy: z.string().optional(),
    type: z.string().optional(),
  }),
});
const rule = z.object({ rule: z.object({ expr: z.array(z.record(z.string(), z.unknown())) }) });
const ruleset = z.object({ nftables: z.array(z.unknown()) });

/** Reads what `nft --json list ruleset` prints; undefined when it is something else. */
export function readNftables(text: string): Rules | undefined {
  const parsed = ruleset.safeParse(parseJson(text));
  if (!parsed.success) return undefined;
  const items = parsed.data.nftables;
  const hooks = items.flatMap((item) => {
    const found = chain.safeParse(item);
    return found.success && found.data.chain.hook === "input" ? [found.data.chain] : [];
  });
  const expressions = items.flatMap((item) => {
    const found = rule.safeParse(item);
    return found.success ? [found.data.rule.expr] : [];
  });
  // A last rule that drops or rejects whatever comes closes as a policy does.
  const dropsAll = expressions.some(
    (expr) =>
      expr.length > 0 &&
      expr.every((each) => "drop" in each || "reject" in each || "counter" in each),
  );
  const closed = hooks.some(({ policy }) => policy === "drop") || (hooks.length > 0 && dropsAll);
  return rulesOf(
    closed,
    expressions.filter((expr) => expr.some((each) => "accept" in each)).flatMap(spansOf),
  );
}

const portMatch = z.object({
  match: z.object({
    op: z.enum(["==", "in"]),
    left: z.object({ payload: z.object({ protocol: z.string(), field: z.literal("dport") }) }),
    right: z.unknown(),
  }),
});

function spansOf(expr: readonly Readonly<Record<string, unknown>>[]): readonly Span[] {
  return expr.flatMap((each) => {
    const found = portMatch.safeParse(each);
    if (!found.success) return [];
    const { left, right } = found.data.match;
    const { protocol } = left.payload;
    return numbersOf(right).map(
      ([first, last]): Span => [protocol === "th" ? undefined : protocol, first, last],
    );
  });
}

const range = z.object({ range: z.tuple([z.number(), z.number()]) });
const set = z.object({ set: z.array(z.unknown()) });

function numbersOf(right: unknown): readonly (readonly [number, number])[] {
  if (typeof right === "number") return [[right, right]];
  const spread = range.safeParse(right);
  if (spread.success) return [spread.data.range];
  const several = set.safeParse(right);
  return several.success ? several.data.set.flatMap(numbersOf) : [];
}

/** Reads what `iptables-save` prints. */
export function readIptables(text: string): Rules {
  const lines = text.split("\n");
  const closed = lines.some(
    (line) => /^:INPUT (?:DROP|REJECT)\b/.test(line) || /^-A INPUT -j (?:DROP|REJECT)\b/.test(line),
  );
  const admitted = lines
    .filter((line) => / -j ACCEPT\b/.test(line))
    .flatMap((line): Span[] => {
      const protocol = / -p (\w+)/.exec(line)?.[1];
      const ports = / --dports? ([\d,:]+)/.exec(line)?.[1] ?? "";
      return ports.split(",").flatMap((part): Span[] => {
        const [first = "", last = first] = part.split(":");
        return first === "" ? [] : [[protocol, Number(first), Number(last)]];
      });
    });
  return rulesOf(closed, admitted);
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
