// From the first boot off its own disk to a healthy member: judged from what was gathered. The stages stand in the order in which one
// needs the other: a wrong clock spoils certificates, these the services, these the join. Pure.

import {
  type Evidence,
  type HandshakeLook,
  provesHostKey,
  reportOf,
  stepDone,
  systemLives,
} from "./evidence.ts";
import { type Finding, missing, reached, type Stage, unknown } from "./finding.ts";
import { judgeCluster, judgeFirstBoot } from "./join-stages.ts";
import type { CertificateLook, NodeReport } from "./node-report.ts";
import { judgePorts, judgeServices } from "./service-stages.ts";

export const nodeStages = [
  { name: "ssh", title: "installed system answers SSH", judge: judgeSsh },
  { name: "clock", title: "node's clock agrees", judge: judgeClock },
  { name: "certificate", title: "certificate is in force", judge: judgeCertificate },
  { name: "resources", title: "disk and memory have room", judge: judgeResources },
  { name: "services", title: "services run", judge: judgeServices },
  { name: "ports", title: "their ports answer", judge: judgePorts },
  { name: "first-boot", title: "first boot joined the cluster", judge: judgeFirstBoot },
  { name: "cluster", title: "healthy voter on its layers", judge: judgeCluster },
  { name: "load", title: "no slow operations", judge: judgeLoad },
] as const satisfies readonly Stage[];

/** A node that was never installed from here has no system to be missed. */
function isInstalled(evidence: Evidence): boolean {
  const { state } = evidence;
  if (state === "registered" || state === "armed" || state === "installing") return false;
  return evidence.operation === undefined || stepDone(evidence, "install");
}

function judgeSsh(evidence: Evidence): Finding {
  const { system, node, consoleFault, ports } = evidence;
  if (!system.known) return unknown(system.why);
  const look = system.value;
  if (look.kind === "answers")
    return reached(`it answers at ${node.productionAddress} with the host key of its install`);
  if (provesHostKey(look)) return reached(`it answers, and can't be looked into: ${look.why}`);
  if (look.kind === "host-key-changed") return missing("other-host-key", look.why);
  if (look.kind === "unknown-key" || (!isInstalled(evidence) && !systemLives(evidence)))
    return unknown(look.kind === "unknown-key" ? look.why : "no install has ended yet");
  const open = ports.known && ports.value.some(({ state }) => state !== "silent");
  // A machine that has more to do than it can is no sshd that is down; what its services show says more.
  if (look.kind === "timeout" && showsAnother(evidence))
    return unknown(`${look.why}; its services answer`);
  if (look.kind === "refused" || open || systemLives(evidence))
    return missing("sshd-down", look.why);
  if (consoleFault !== undefined) return missing("disk-does-not-boot", consoleFault);
  return missing("system-unreachable", look.why);
}

function showsAnother({ handshakes }: Evidence): boolean {
  return handshakes.known && handshakes.value.some(({ presented }) => presented.kind === "other");
}

const notLookedInto = "the node could not be looked into";
// The server of the product itself stops writing at a skew of 60 s and warns at half of that.
const mostSkewMs = 30_000;

function judgeClock(evidence: Evidence): Finding {
  const { clockMs } = reportOf(evidence) ?? {};
  if (clockMs === undefined) return unknown(notLookedInto);
  const skewMs = clockMs - evidence.nowMs;
  const says = `its clock is ${durationOf(Math.abs(skewMs))} ${skewMs > 0 ? "ahead of" : "behind"} this server's`;
  return Math.abs(skewMs) > mostSkewMs
    ? missing("clock-off", says)
    : reached("it agrees with this server's");
}

function durationOf(ms: number): string {
  const seconds = Math.round(ms / 1000);
  if (seconds < 120) return `${seconds} s`;
  if (seconds < 7200) return `${Math.round(seconds / 60)} min`;
  const hours = Math.round(seconds / 3600);
  return hours < 48 ? `${hours} h` : `${(hours / 24).toFixed(1)} days`;
}

const date = (ms: number) => new Date(ms).toISOString();

function judgeCertificate(evidence: Evidence): Finding {
  const report = reportOf(evidence);
  const shown = judgeShown(evidence);
  if (report === undefined) return shown ?? judgeRecord(evidence);
  const { certificate } = report;
  if (certificate === "unread") return shown ?? unknown(notLookedInto);
  if (typeof certificate === "string")
    return missing("certificate-missing", `the node's certificate is ${certificate}`);
  if (!report.keyPresent)
    return missing(
      "certificate-missing",
      "the private key of the node's certificate is absent or empty",
    );
  const wrong =
    judgeDates(certificate, evidence.nowMs) ?? judgeOrigin(report, certificate, evidence);
  return (
    wrong ?? shown ?? reached(`its certificate is in force until ${date(certificate.notAfterMs)}`)
  );
}

function judgeDates(
  { notBeforeMs, notAfterMs }: Pick<CertificateLook, "notBeforeMs" | "notAfterMs">,
  nowMs: number,
): Finding | undefined {
  if (notAfterMs <= nowMs)
    return missing("certificate-expired", `its certificate ended ${date(notAfterMs)}`);
  if (notBeforeMs > nowMs)
    return missing("certificate-not-yet-valid", `its certificate begins ${date(notBeforeMs)}`);
  return undefined;
}

function judgeOrigin(
  { authority }: NodeReport,
  certificate: CertificateLook,
  { node }: Evidence,
): Finding | undefined {
  if (authority === "absent")
    return missing("certificate-missing", "ca-cert.pem is absent on the node");
  if (authority === "other")
    return missing("certificate-other-ca", "the node trusts another CA than this cluster's");
  if (!certificate.byAuthority)
    return missing("certificate-other-ca", "its certificate is not signed by this cluster's CA");
  if (!certificate.namesNode)
    return missing("certificate-other-name", `its certificate is not for ${node.fqdn}`);
  return undefined;
}

/** What the services show is wrong with the certificate; undefined when nothing is, or none answers. */
function judgeShown(evidence: Evidence): Finding | undefined {
  const { handshakes } = evidence;
  if (!handshakes.known) return undefined;
  const report = reportOf(evidence);
  const wrong = handshakes.value.flatMap((look) => judgeHandshake(look, report) ?? []);
  if (wrong.length > 0) return wrong[0];
  const issued = handshakes.value.find(({ presented }) => presented.kind === "issued");
  return issued === undefined || report !== undefined
    ? undefined
    : reached(`${issued.service} shows the certificate that was issued`);
}

function judgeHandshake(
  { service, presented }: HandshakeLook,
  report: NodeReport | undefined,
): Finding | undefined {
  if (presented.kind !== "other") return undefined;
  const { why, fingerprint } = presented;
  if (/CERT_HAS_EXPIRED|has expired/.test(why)) return missing("certificate-expired", why);
  if (/CERT_NOT_YET_VALID|not yet valid/.test(why))
    return missing("certificate-not-yet-valid", why);
  if (/ALTNAME|another name/.test(why)) return missing("certificate-other-name", why);
  if (/does not chain/.test(why)) return missing("certificate-other-ca", why);
  // What lies in its place is loaded, even where another one was issued last and never came to stay there.
  const placed = typeof report?.certificate === "object" ? report.certificate : undefined;
  if (placed !== undefined && placed.fingerprint === fingerprint) return undefined;
  return missing("certificate-not-loaded", why, { unit: `${service}.service` });
}

/** Nobody showed one: what was issued last may still be over. */
function judgeRecord({ issued, nowMs }: Evidence): Finding {
  if (issued !== undefined && issued.notAfterMs <= nowMs)
    return missing(
      "certificate-expired",
      `the last one that was issued ended ${date(issued.notAfterMs)}`,
    );
  return unknown("no service of the node shows one, and it could not be looked into");
}

const mostUsedPercent = 98;
const leastMemoryShare = 0.03;

function judgeResources(evidence: Evidence): Finding {
  const report = reportOf(evidence);
  if (report === undefined) return unknown(notLookedInto);
  const { fileSystems, memory, rootReadOnly } = report;
  if (rootReadOnly) return missing("disk-read-only", "its root is mounted read-only");
  const full = fileSystems.find(({ usedPercent }) => usedPercent >= mostUsedPercent);
  if (full !== undefined)
    return missing("disk-full", `${full.mount} is ${full.usedPercent} % full`);
  if (memory !== undefined && memory.availableKb < leastMemoryShare * memory.totalKb)
    return missing(
      "memory-full",
      `${Math.round(memory.availableKb / 1024)} of ${Math.round(memory.totalKb / 1024)} MiB of its memory are available`,
    );
  return reached("there is room");
}

const mostLoadPerProcessor = 4;

function judgeLoad(evidence: Evidence): Finding {
  const report = reportOf(evidence);
  if (report === undefined) return unknown(notLookedInto);
  const { slowOperations, load } = report;
  const busy = load === undefined ? "" : `load ${load.average} on ${load.processors} processor(s)`;
  if (slowOperations > 0)
    return missing(
      "slow-operations",
      `chainfire logged ${slowOperations} slow operation(s) in ten minutes; ${busy}`,
    );
  if (load !== undefined && load.average > mostLoadPerProcessor * load.processors)
    return missing("overloaded", busy);
  return reached(busy === "" ? "no slow operations" : `no slow operations; ${busy}`);
}
