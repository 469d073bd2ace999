// What probes of BMCs found, as lines of text. Pure.

import type { ProbeView } from "../api/bmc-shapes.ts";
import { formatTable, printable } from "./table.ts";

/** A table, then for each BMC what does not work, its certificate, and what should be changed on it. */
export function probeLines(probes: readonly ProbeView[]): string[] {
  const table = formatTable(
    ["NODE", "BMC", "IPMI", "SUITES", "LOGIN", "REDFISH", "WARNINGS", "WHAT"],
    probes.map((probe) => [
      ...[probe.node, probe.address, ipmiText(probe), suitesText(probe)],
      ...[loginText(probe), redfishText(probe), String(probe.warnings.length), whatText(probe)],
    ]),
  );
  return [...table, ...probes.flatMap(remarks)];
}

function ipmiText({ ipmi }: ProbeView): string {
  if (ipmi === undefined) return "no answer";
  const key = ipmi.needsBmcKey ? ", K_G" : "";
  return `${ipmi.ipmi20 ? "2.0" : "1.5"}${key}`;
}

/** 0-14,17 */
function suitesText({ suites = [] }: ProbeView): string {
  const ranges: { readonly from: number; to: number }[] = [];
  for (const suite of suites.toSorted((a, b) => a - b)) {
    const last = ranges.at(-1);
    if (last?.to === suite - 1) last.to = suite;
    else ranges.push({ from: suite, to: suite });
  }
  const text = ranges.map(({ from, to }) => (from === to ? `${from}` : `${from}-${to}`));
  return text.length === 0 ? "-" : text.join(",");
}

function loginText({ login }: ProbeView): string {
  return login.works ? "works" : "failed";
}

function redfishText({ redfish }: ProbeView): string {
  return redfish === undefined ? "no" : (redfish.version ?? "yes");
}

function whatText({ description = { protocol: "" } }: ProbeView): string {
  const { manufacturer, model, firmware } = description;
  return [manufacturer, model, firmware].filter((part) => part !== undefined).join(" ");
}

function remarks({ node, login, verbs, defaults, redfish, warnings }: ProbeView): string[] {
  const working = verbs.filter(({ works }) => works).map(({ verb }) => verb);
  return [
    "",
    ...warnings.map((text) => `${node}: WARNING ${text}`),
    ...(login.reason === undefined ? [] : [`${node}: login: ${login.reason}`]),
    ...(working.length === 0 ? [] : [`${node}: works: ${working.join(", ")}`]),
    ...verbs
      .filter(({ works }) => !works)
      .map(({ verb, reason = "" }) => `${node}: ${verb} does not work: ${reason}`),
    ...(defaults.length === 0
      ? []
      : [`${node}: default passwords tried: ${defaults.map(({ user }) => user).join(", ")}`]),
    ...(redfish === undefined ? [] : [`${node}: certificate (SHA-256): ${redfish.fingerprint}`]),
  ].map(printable);
}
