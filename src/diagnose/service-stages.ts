// Do the node's services run, and do their ports answer? Pure.

import type { ServiceName } from "../inventory/services.ts";
import { type Evidence, type PortLook, reportOf, systemLives } from "./evidence.ts";
import { type About, type Finding, missing, reached, type Sign, unknown } from "./finding.ts";
import type { Listener, NodeReport, UnitLook } from "./node-report.ts";

// What a service writes when it can't start (runbook §8.4). The first that any line says counts: the later ones are said of
// symptoms, too.
const signs: readonly Sign[] = [
  { says: /address (?:is )?already in use|EADDRINUSE|address in use/i, cause: "port-taken" },
  { says: /no space left on device/i, cause: "disk-full" },
  { says: /read-only file system/i, cause: "disk-read-only" },
  { says: /oom-kill|out of memory|cannot allocate memory/i, cause: "memory-full" },
  {
    says: /cluster-config\.json.*no such file|configuration file not found/i,
    cause: "config-missing",
  },
  { says: /permission denied|EACCES|operation not permitted/i, cause: "permission-denied" },
  {
    says: /certificate (?:verify failed|has expired|is not yet valid|signed by unknown)|x509:|bad certificate|unknown authority|CERTIFICATE_VERIFY_FAILED|no such file.*-(?:cert|key)\.pem/i,
    cause: "service-certificate",
  },
];

export function judgeServices(evidence: Evidence): Finding {
  const { node } = evidence;
  const report = reportOf(evidence);
  if (node.services.length === 0) return reached("the inventory gives it none");
  if (report === undefined) return unknown("the node could not be looked into");
  for (const name of node.services) {
    const unit = report.units.find((look) => look.unit === `${name}.service`);
    const found = unit && judgeUnit(evidence, report, name, unit);
    if (found !== undefined) return found;
  }
  const seen = report.units.length > 0;
  return seen
    ? reached(`${node.services.join(", ")} are active`)
    : unknown("systemd did not say how they stand");
}

function judgeUnit(
  evidence: Evidence,
  report: NodeReport,
  name: ServiceName,
  look: UnitLook,
): Finding | undefined {
  const { unit, active, sub, result, restarts } = look;
  const about: About = { unit, service: name };
  if (look.load === "not-found")
    return missing("service-absent", `${unit} is not on the node`, about);
  if (active === "active" || active === "reloading") return undefined;
  const lines = report.journal[unit] ?? [];
  const stands = `${unit} is ${active} (${sub}${result === "" || result === "success" ? "" : `, ${result}`}${restarts > 0 ? `, ${restarts} restarts` : ""})`;
  // It was told to stop: what it wrote before is of another start.
  if (active === "inactive" && (result === "success" || result === ""))
    return missing("service-stopped", stands, about, lines);
  const { sign, line = "" } = newestSign(lines);
  if (sign !== undefined) {
    const holder = sign.cause === "port-taken" ? holderOf(evidence, report, name) : "";
    return missing(sign.cause, `${stands}: ${line.trim()}${holder}`, about, lines);
  }
  if (result === "oom-kill") return missing("memory-full", stands, about, lines);
  const last = lines.at(-1);
  return missing(
    "service-failed",
    last === undefined ? stands : `${stands}: ${last.trim()}`,
    about,
    lines,
  );
}

/** What the newest start that said anything of itself failed for: an earlier one may have failed for another reason. */
function newestSign(lines: readonly string[]): { sign?: Sign; line?: string } {
  const begins = lines.flatMap((text, index) => (/^Start(?:ed|ing) /.test(text) ? [index] : []));
  const starts = [0, ...begins].map((from, index) => lines.slice(from, begins[index]));
  for (const start of starts.toReversed()) {
    const sign = signs.find(({ says }) => start.some((text) => says.test(text)));
    const line = start.findLast((text) => sign?.says.test(text));
    if (sign !== undefined && line !== undefined) return { sign, line };
  }
  return {};
}

/** Who has the port that the service wants, as far as the node says it. */
function holderOf({ ports }: Evidence, { listeners }: NodeReport, service: ServiceName): string {
  const wanted = ports.known ? ports.value.filter((look) => look.service === service) : [];
  const holder = listeners.find(
    ({ port, program }) => program !== undefined && wanted.some((look) => look.port === port),
  );
  return holder === undefined ? "" : `; ${holder.program} listens on port ${holder.port}`;
}

export function judgePorts(evidence: Evidence): Finding {
  const { ports, node } = evidence;
  if (!ports.known) return unknown(ports.why);
  const report = reportOf(evidence);
  const closed = ports.value.filter(({ state }) => state !== "open");
  if (closed.length === 0) {
    const names = ports.value.map(({ service, port }) => `${service} ${port}`).join(", ");
    return names === "" ? reached("it has none to answer at") : reached(`${names} answer`);
  }
  const [first] = closed;
  // Where nothing of the machine is heard, a silent port says nothing of its own.
  if (
    report === undefined &&
    !systemLives(evidence) &&
    ports.value.every(({ state }) => state === "silent")
  )
    return unknown(`nothing answers at ${node.productionAddress}`);
  const listening = report?.listeners ?? [];
  return first === undefined
    ? unknown("no port was tried")
    : judgePort(first, listening, node.productionAddress);
}

function judgePort(
  { service, port, state }: PortLook,
  listeners: readonly Listener[],
  address: string,
): Finding {
  const about: About = { service, unit: `${service}.service` };
  const where = `port ${port} of ${service}`;
  const own = listeners.filter((listener) => listener.port === port);
  if (own.length > 0 && own.every((listener) => isLoopback(listener.address)))
    return missing("port-loopback", `${where} is open on the node's loopback alone`, about);
  if (state === "silent")
    return missing("port-filtered", `${where} does not answer at ${address}`, about);
  return missing(
    own.length > 0 ? "port-filtered" : "port-not-listening",
    `${where} refuses connections at ${address}`,
    about,
  );
}

function isLoopback(address: string): boolean {
  return /^(?:127\.|\[?::1\]?$|\[?::ffff:127\.)/.test(address);
}
