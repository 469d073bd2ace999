// How much goes over the links, measured with iperf3 for three seconds from each node to the next (runbook §6.5). Only when it is asked for: it fills the links.

import type { Node } from "../inventory/schema.ts";
import { error, ok, warning } from "../preflight/line.ts";
import { isObject } from "./health.ts";
import type { VerifyLine } from "./line.ts";
import type { CommandAnswer, Probes } from "./probes.ts";
import type { Scope } from "./scope.ts";

const port = 5201;
/** Of the link's nominal speed: what TCP over Ethernet leaves of it, with some room. */
const leastShare = 0.8;

export async function checkBandwidth(
  { nodes }: Scope,
  { shell }: Pick<Probes, "shell">,
  signal: AbortSignal,
): Promise<readonly VerifyLine[]> {
  const lines: VerifyLine[] = [];
  if (nodes.length < 2) return lines;
  // One pair after the other: two at a time would share what is measured.
  for (const [index, from] of nodes.entries()) {
    const to = nodes[(index + 1) % nodes.length];
    if (to === undefined || (nodes.length === 2 && index === 1)) continue;
    lines.push(await measure(shell, from, to, signal));
  }
  return lines;
}

async function measure(
  shell: Probes["shell"],
  from: Node,
  to: Node,
  signal: AbortSignal,
): Promise<VerifyLine> {
  const address = to.productionAddress;
  const serve = `command -v iperf3 >/dev/null || exit 3; timeout 15 iperf3 -s -1 -B ${address} -p ${port} >/dev/null`;
  const ended = new AbortController();
  const listening = shell
    .run(to, serve, { timeoutMs: 20_000 }, AbortSignal.any([signal, ended.signal]))
    .catch((): CommandAnswer => ({ ok: false, kind: "aborted", why: "ended" }));
  try {
    const options = { timeoutMs: 20_000, input: clientScript(address) };
    const answer = await shell.run(from, "bash -s", options, signal);
    if (answer.ok) return bandwidthLine(from, to, answer.stdout);
    const server = await Promise.race([listening, Promise.resolve(undefined)]);
    return failedLine(from, to, answer, server);
  } finally {
    ended.abort();
    await listening;
  }
}

/**
 * Prints the link's nominal speed in Mbit/s, 0 when nobody knows, and then the JSON of iperf3. Tries for five seconds: the server may still
 * start. Who does not answer at all, as behind a firewall, is not asked again: a host without a server yet refuses at once.
 */
function clientScript(address: string): string {
  return `command -v iperf3 >/dev/null || exit 3
interface=$(ip -o route get ${address} | sed -n 's/.* dev \\([^ ]*\\).*/\\1/p')
cat "/sys/class/net/$interface/speed" 2>/dev/null || echo 0
for _ in 1 2 3 4 5 6 7 8 9 10; do
  said=$(iperf3 -c ${address} -p ${port} -t 3 -J --connect-timeout 1000)
  # With -J it ends with 0 whatever happened.
  case $said in
    *'"error"'*'timed out'*) break ;;
    *'"error"'*) sleep 0.5 ;;
    *) printf '%s' "$said"; exit 0 ;;
  esac
done
printf '%s' "$said" | sed -n 's/.*"error":[^"]*"\\(.*\\)".*/\\1/p' >&2
exit 4
`;
}

const subjectOf = (from: Node, to: Node) =>
  ({ area: "links", title: `from ${from.name}, bandwidth to ${to.name}` }) as const;

/** Judges what the client printed. */
export function bandwidthLine(from: Node, to: Node, output: string): VerifyLine {
  const subject = subjectOf(from, to);
  const [first = "", ...rest] = output.split("\n");
  const bits = receivedBits(rest.join("\n"));
  if (bits === undefined)
    return error(
      subject,
      "iperf3 answered without a figure",
      `on ${from.name}: iperf3 -c ${to.productionAddress}`,
    );
  const figure = `${(bits / 1e9).toFixed(2)} Gbit/s`;
  const nominalMbit = Number(first);
  if (!(nominalMbit > 0)) return ok(subject, `${figure}; the link does not tell its speed`);
  const share = bits / (nominalMbit * 1e6);
  const detail = `${figure} of ${nominalMbit / 1000}`;
  if (share >= leastShare) return ok(subject, detail);
  return warning(
    subject,
    detail,
    "measure again while the link is idle; then look at its cable, duplex, MTU and switch",
  );
}

function receivedBits(text: string): number | undefined {
  try {
    const parsed: unknown = JSON.parse(text);
    const end = isObject(parsed) ? parsed["end"] : undefined;
    const sum = isObject(end) ? end["sum_received"] : undefined;
    const bits = isObject(sum) ? sum["bits_per_second"] : undefined;
    return typeof bits === "number" ? bits : undefined;
  } catch {
    return undefined;
  }
}

function failedLine(
  from: Node,
  to: Node,
  answer: Extract<CommandAnswer, { ok: false }>,
  server: CommandAnswer | undefined,
): VerifyLine {
  const lacking = [
    ...(answer.why.includes("exit code 3") ? [from.name] : []),
    ...(server?.ok === false && server.why.includes("exit code 3") ? [to.name] : []),
  ];
  if (lacking.length > 0)
    return warning(
      subjectOf(from, to),
      `not measured: no iperf3 on ${lacking.join(", ")}`,
      "add iperf3 to the packages of every node, or leave --bandwidth out",
    );
  return warning(
    subjectOf(from, to),
    `not measured: ${answer.why}`,
    `the firewall of ${to.name} must let in tcp ${port} for this`,
  );
}
