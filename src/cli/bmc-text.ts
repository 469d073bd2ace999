// What probes of BMCs found, as lines of text. Pure.

import type { ProbeView } from "../api/bmc-shapes.ts";
import { formatTable, printable } from "./table.ts";

/** A table, then for each BMC what does not work, its certificate, and what should be changed on it. */
export function probeLines(probes: readonly ProbeView[]): string[] {
  const table = formatTable(
    ["NODE", "BMC", "IPMI", "SUITES", "LOGIN", "REDFISH", "WARNINGS", "WHAT"],
    probes.map((probe) => [
      ...[probe.node, probe.address, ipmiText(probe), probe.suites?.join(",") ?? "-"],
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
