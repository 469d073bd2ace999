// From the power switch to the end of the install: how far a machine came, judged from what was gathered. Pure.

import type { InstallFault } from "../install/explain.ts";
import { diskProblem } from "../operations/steps/find-installer.ts";
import type { CauseId } from "./causes.ts";
import { type Evidence, installerLives, stepDone, systemLives } from "./evidence.ts";
import { type Finding, missing, reached, type Stage, unknown } from "./finding.ts";

export const bootStages = [
  { name: "power", title: "BMC answers, machine is on", judge: judgePower },
  { name: "dhcp", title: "asked for an address, got one", judge: judgeDhcp },
  { name: "tftp", title: "fetched its boot loader", judge: judgeTftp },
  { name: "http", title: "fetched script, image and keys", judge: judgeHttp },
  { name: "installer", title: "installer answers SSH", judge: judgeInstaller },
  { name: "install", title: "system installed", judge: judgeInstall },
] as const satisfies readonly Stage[];

const dead: readonly string[] = ["stopped", "failed"];
const notHeard = "the machine was not heard that far";

/** The machine came behind the network boot, by itself or in its newest operation. */
function hasBooted(evidence: Evidence): boolean {
  return systemLives(evidence) || installerLives(evidence) || stepDone(evidence, "installer");
}

function passed({ operation }: Evidence): Finding {
  return reached(
    operation === undefined ? "passed: it came further" : `passed in operation ${operation.id}`,
  );
}

function judgePower(evidence: Evidence): Finding {
  const { bmc, operation, state } = evidence;
  if (!bmc.known) return unknown(bmc.why);
  const look = bmc.value;
  if (look.kind === "answers") {
    if (look.power === "on") return reached("its BMC says that it is on");
    // What it was switched off for says more than that it is off.
    if (operation?.failure !== undefined && wasSwitchedOff(evidence))
      return reached(`its BMC says that it is off, as operation ${operation.id} left it`);
    return state === "registered" && operation === undefined
      ? missing("never-provisioned", "its BMC says that it is off, and nothing was asked of it yet")
      : missing("powered-off", "its BMC says that it is off");
  }
  switch (look.failure) {
    case "authentication":
      return missing("bmc-login", look.why);
    case "unreachable":
    case "timeout":
      return missing("bmc-unreachable", look.why);
    case "busy":
    case "unsupported":
    case "protocol":
      return unknown(look.why);
  }
}

/** By an operation that had switched it on, failed, and wrote nothing to it. */
function wasSwitchedOff(evidence: Evidence): boolean {
  return stepDone(evidence, "power") && !stepDone(evidence, "installer");
}

function judgeDhcp(evidence: Evidence): Finding {
  const { server, boot, node } = evidence;
  if (server.known && dead.includes(server.value.services.dhcp))
    return missing("dhcp-down", `the service dhcp of this server is ${server.value.services.dhcp}`);
  if (hasBooted(evidence)) return passed(evidence);
  if (evidence.declined !== undefined)
    return missing("address-taken", `it was given ${evidence.declined} and found that in use`);
  if (boot.name === "silent") return judgeSilence(evidence);
  const { sign } = boot;
  if (boot.name === "dhcp" && (sign?.kind === "dhcp-refused" || sign?.kind === "dhcp-ignored"))
    return missing("dhcp-refused", `${sign.kind}: ${boot.likely}`);
  return reached(`${node.mac} was heard${since(evidence)}`);
}

/** Nothing was heard of it: the reasons on this side first. */
function judgeSilence(evidence: Evidence): Finding {
  const { server, surroundings, operation, consoleFault, consoleStage, node } = evidence;
  const silent = `${node.mac} was not heard${operation === undefined ? "" : ` since operation ${operation.id} began`}`;
  if (operation === undefined)
    return missing("never-provisioned", `${silent}, and no install was asked for`);
  const [side] = serverFaults(evidence, /^interface /);
  if (side !== undefined) return missing("server-interface", `${silent}; ${side}`);
  const [wall] = serverFaults(evidence, /^firewall/);
  if (wall !== undefined) return missing("server-firewall", `${silent}; ${wall}`);
  if (server.known && server.value.foreignServers.length > 0)
    return missing(
      "second-dhcp-server",
      `${silent}; ${server.value.foreignServers.join(", ")} answers, too`,
    );
  if (operation.status === "cancelled")
    return missing("never-provisioned", `${silent}, which was cancelled`);
  const { failure } = operation;
  if (failure !== undefined && failure.stage !== "network")
    return missing("operation-failed", failure.reason);
  if (consoleFault !== undefined) return missing("pxe-off", `${silent}; ${consoleFault}`);
  if (consoleStage !== undefined)
    return missing("pxe-off", `${silent}; its console shows the stage ${consoleStage}`);
  const why = surroundings.known ? "" : ` (this server's own network: ${surroundings.why})`;
  return missing("not-heard", `${silent}${why}`);
}

/** Details of what is wrong with this server's network in lines of that title. */
function serverFaults({ surroundings }: Evidence, title: RegExp): string[] {
  if (!surroundings.known) return [];
  return surroundings.value
    .filter((line) => title.test(line.title) && isFault(line))
    .map((line) => `${line.title} of this server: ${line.detail}`);
}

/** A firewall that can't be read is no fault; an interface without a link is. */
function isFault({ title, level }: { readonly title: string; readonly level: string }): boolean {
  return level === "error" || (level === "warning" && title.startsWith("interface "));
}

function since({ boot, nowMs }: Evidence): string {
  if (boot.sign === undefined) return "";
  const seconds = Math.max(0, Math.round((nowMs - boot.sign.atMs) / 1000));
  return `; last sign: ${boot.sign.kind}, ${seconds} s ago`;
}

function judgeTftp(evidence: Evidence): Finding {
  const { server, boot } = evidence;
  if (server.known) {
    const { services, loaderProblems, loaderFaults } = server.value;
    if (dead.includes(services.tftp))
      return missing("tftp-down", `the service tftp of this server is ${services.tftp}`);
    if (loaderProblems.length > 0) return missing("loader-missing", loaderProblems.join("; "));
    if (loaderFaults.length > 0) return missing("loader-of-another", loaderFaults.join("; "));
  }
  if (hasBooted(evidence)) return passed(evidence);
  const { sign, likely } = boot;
  if (boot.name === "silent") return unknown(notHeard);
  if (boot.name === "dhcp") return judgeUnfetched(evidence);
  if (boot.name === "loader" && isBroken(evidence)) return missing("transfer-broken", likely);
  return reached(`it has its loader${sign === undefined ? "" : since(evidence)}`);
}

function judgeUnfetched(evidence: Evidence): Finding {
  const { sign, likely } = evidence.boot;
  if (sign?.kind === "dhcp-refused" || sign?.kind === "dhcp-ignored") return unknown(notHeard);
  const { bootFile, reason } = sign?.detail ?? {};
  if (bootFile === undefined && reason !== undefined) return missing("no-loader", `${reason}`);
  const [wall] = serverFaults(evidence, /^firewall/);
  if (wall !== undefined) return missing("server-firewall", `it fetched nothing; ${wall}`);
  const file = bootFile === undefined ? "" : `, though it was sent to ${bootFile}`;
  return missing("loader-not-fetched", `${likely}${file}`);
}

/** A transfer of the loader that ended badly: the stage names its outcome as the likely cause. */
function isBroken({ boot }: Evidence): boolean {
  const outcome = boot.sign?.kind === "tftp-transferred" ? boot.sign.detail["outcome"] : undefined;
  return outcome !== undefined && outcome !== "completed" && outcome !== "aborted-by-client";
}

function judgeHttp(evidence: Evidence): Finding {
  const { server, boot, consoleFault } = evidence;
  if (server.known) {
    const { services, imageProblems, scriptFaults } = server.value;
    if (dead.includes(services.http))
      return missing("http-down", `the service http of this server is ${services.http}`);
    if (imageProblems.length > 0) return missing("image-missing", imageProblems.join("; "));
    if (scriptFaults.length > 0) return missing("script-fault", scriptFaults.join("; "));
  }
  if (hasBooted(evidence)) return passed(evidence);
  const { name, sign, likely } = boot;
  switch (name) {
    case "silent":
    case "dhcp":
      return unknown(notHeard);
    case "loader":
      if (isBroken(evidence)) return unknown(notHeard);
      if (
        consoleFault !== undefined &&
        /secure boot|security violation|signature|access denied/i.test(consoleFault)
      )
        return missing("secure-boot", consoleFault);
      return missing("loader-does-not-run", likely);
    case "ipxe":
      return missing("script-not-fetched", likely);
    case "script":
      return judgeScript(sign?.kind, sign?.detail["plan"], likely);
    case "images": {
      const outcome = sign?.detail["outcome"];
      const broken = outcome === "cut" || outcome === "too-slow";
      return missing(broken ? "image-not-fetched" : "keys-not-fetched", likely);
    }
    case "keys":
    case "system":
      return reached(`it has its image and its keys${since(evidence)}`);
  }
}

function judgeScript(kind: string | undefined, plan: unknown, likely: string): Finding {
  if (kind === "boot-script-served" && plan === "local-disk")
    return missing("sent-to-disk", likely);
  if (kind === "boot-refused") return missing("boot-refused", likely);
  return missing("image-not-fetched", likely);
}

function judgeInstaller(evidence: Evidence): Finding {
  const { installer, boot, consoleFault, operation, node } = evidence;
  if (systemLives(evidence) || stepDone(evidence, "install")) return passed(evidence);
  if (installer.known) {
    const live = judgeAnswer(evidence, installer.value);
    if (live !== undefined) return live;
  }
  if (stepDone(evidence, "installer")) return passed(evidence);
  if (operation?.failure?.stage === "installer") {
    const found = operation.steps.find(({ id }) => id === "installer")?.evidence["problem"];
    return missing(
      found === diskProblem ? "disk-absent" : "operation-failed",
      operation.failure.reason,
    );
  }
  const heard = boot.name === "keys" || boot.name === "system";
  if (heard && consoleFault !== undefined && /panic/i.test(consoleFault))
    return missing("kernel-panicked", consoleFault);
  if (boot.name === "keys") return missing("kernel-silent", boot.likely);
  if (boot.name === "system")
    return missing("installer-silent", `nothing answers SSH at ${node.provisioningAddress}`);
  if (!installer.known) return unknown(installer.why);
  return unknown(`no installer answers at ${node.provisioningAddress}`);
}

/** Undefined when nobody answered. */
function judgeAnswer(
  { node }: Evidence,
  { identification, diskProblem }: Extract<Evidence["installer"], { known: true }>["value"],
): Finding | undefined {
  switch (identification.kind) {
    case "installer": {
      const { facts } = identification;
      if (facts.firmware !== node.firmware)
        return missing(
          "firmware-differs",
          `declared is ${node.firmware}, and it was booted by ${facts.firmware}`,
        );
      if (diskProblem !== undefined) return missing("disk-absent", diskProblem);
      return reached(`${facts.system} answers at ${node.provisioningAddress}`);
    }
    case "no-access":
      return missing("installer-key", identification.why);
    case "host-key-changed":
      return missing("installer-host-key", identification.why);
    case "not-installer":
      return missing("not-installer", identification.why);
    case "other-machine":
      return missing("other-machine", identification.why);
    case "not-reachable":
      return undefined;
  }
}

const installCauses: Readonly<Record<InstallFault, CauseId>> = {
  "host-key": "install-key",
  "ssh-key": "install-key",
  unreachable: "install-connection",
  "not-installer": "not-installer",
  "wrong-disk": "install-wrong-disk",
  "old-partition-table": "install-old-partitions",
  "slow-device": "install-failed",
  "boot-loader": "install-boot-loader",
  "no-configuration": "install-flake",
  signature: "install-failed",
  "no-space": "install-no-space",
  "disk-fails": "install-disk-fails",
  "no-cache": "install-no-cache",
  "no-program": "install-program",
  "connection-lost": "install-connection",
  other: "install-failed",
};

function judgeInstall(evidence: Evidence): Finding {
  const { install, operation } = evidence;
  if (stepDone(evidence, "install")) return passed(evidence);
  if (install.known && operation !== undefined) {
    const look = install.value;
    switch (look.kind) {
      case "succeeded":
        return reached("nixos-anywhere ended well");
      case "failed":
        return missing(installCauses[look.fault], look.reason);
      case "cancelled":
        return missing(
          "install-cancelled",
          `the install of operation ${operation.id} was cancelled`,
        );
      case "running":
        return missing("install-under-way", look.line);
      case "absent":
        break;
    }
  }
  if (operation?.failure !== undefined && stepDone(evidence, "installer"))
    return missing("operation-failed", operation.failure.reason);
  if (systemLives(evidence)) return reached("a system runs from its disk");
  if (operation === undefined) return unknown("no install was begun from here");
  return unknown(install.known ? "the install has not begun" : install.why);
}
