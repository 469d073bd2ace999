// How far a machine's network boot came, read from its timeline, and what most often keeps it there.

import { fallbackRemark } from "../boot/netboot-policy.ts";
import type { NodeStore, TimelineEvent } from "../nodes/ports.ts";
import type { TransferOutcome } from "../tftp/transfer.ts";
import { consoleFaults } from "./console-signs.ts";
import type { Operation, OperationStore } from "./operation.ts";

export interface BootStage {
  readonly name: "silent" | "dhcp" | "loader" | "ipxe" | "script" | "images" | "keys" | "system";
  /** The event that shows it; undefined for a machine that was never heard. */
  readonly sign: TimelineEvent | undefined;
  readonly likely: string;
}

const causes: Readonly<Record<BootStage["name"], string>> = {
  silent:
    "the machine does not boot from the network: boot order, cable, VLAN, or a relay that does not come to this server",
  dhcp: "it got an answer and fetched nothing: its firmware could not reach the boot file (TFTP or HTTP blocked), or is no network boot",
  loader:
    "it has its loader and asked for no script: the loader does not run there (wrong firmware, Secure Boot, no driver for the card)",
  ipxe: "iPXE runs and did not come for the machine's own script: somebody stands in its menu, or the connection broke off",
  script: "it has its script and fetched no image whole: HTTP is slow, lossy or blocked on the way",
  images:
    "it has images and did not come for its keys: the download broke off, or the machine has too little memory",
  keys: "the kernel was started and does not use the network: look at its console (driver for the card, init= of the image)",
  system: "the installer has an address and SSH does not answer: sshd or the firewall of the image",
};

// A ROM that only asks for a file's size ends its transfer itself.
const wellEnded: readonly unknown[] = [
  "completed",
  "aborted-by-client",
] satisfies TransferOutcome[];

/** What the node of an operation did since that began, as far as a look at its newest events goes. */
export function bootEvents(
  nodes: Pick<NodeStore, "events">,
  { node, createdAtMs }: Pick<Operation, "node" | "createdAtMs">,
): TimelineEvent[] {
  return nodes.events({ node, limit: 1000 }).filter((event) => event.atMs >= createdAtMs);
}

/** How far the network boot of `node` came, while an operation waits for its installer; else undefined. */
export function awaitedBootStage(
  nodes: Pick<NodeStore, "events">,
  operations: Pick<OperationStore, "runningFor">,
  node: string,
): BootStage | undefined {
  const operation = operations.runningFor(node);
  const step = operation?.steps.find(({ id }) => id === "installer");
  if (operation === undefined || step === undefined || step.status === "done") return undefined;
  return lastBootStage(bootEvents(nodes, operation));
}

/** The stage of the newest sign among `events`, which are one node's, oldest first. */
export function lastBootStage(events: readonly TimelineEvent[]): BootStage {
  let name: BootStage["name"] = "silent";
  let sign: TimelineEvent | undefined;
  for (const event of events) {
    const next = stageAfter(event, name);
    if (next === undefined) continue;
    name = next;
    sign = event;
  }
  return { name, sign, likely: consoleFault(events) ?? likelyCause(name, sign) };
}

/** What the machine's console says is wrong, unless the machine came further after that. */
export function consoleFault(events: readonly TimelineEvent[]): string | undefined {
  let fault: TimelineEvent | undefined;
  for (const event of events) {
    const { kind } = event;
    if (rankOf(kind) !== -1) {
      if (fault === undefined || rankOf(kind) <= rankOf(fault.kind)) fault = event;
      // A report only repeats what stands on the console.
    } else if (kind !== "boot-reported" && showsProgress(event)) fault = undefined;
  }
  return fault === undefined ? undefined : `its console says: ${fault.detail["line"]}`;
}

function rankOf(kind: string): number {
  return (consoleFaults as readonly string[]).indexOf(kind);
}

function showsProgress(event: TimelineEvent): boolean {
  return event.kind === "console-stage-reached" || stageAfter(event, "silent") !== undefined;
}

/** The stage that `event` shows a machine at which was at `before`; undefined for an event that shows none. */
export function stageAfter(
  event: TimelineEvent,
  before: BootStage["name"],
): BootStage["name"] | undefined {
  const { kind, detail } = event;
  switch (kind) {
    case "dhcp-offered":
    case "dhcp-acknowledged":
    case "dhcp-refused":
    case "dhcp-ignored":
      return (before === "keys" || before === "system") && !asksForBootFile(detail)
        ? "system"
        : "dhcp";
    case "tftp-transferred":
      return stageOfTransfer(String(detail["file"] ?? ""));
    case "loader-served":
      return "loader";
    case "boot-menu-served":
      return "ipxe";
    case "boot-refused":
      // Anybody can ask in the machine's name: it says how far the machine came only while nothing else does.
      return before === "keys" || before === "system" ? undefined : "script";
    case "boot-script-served":
    case "boot-reported":
      return "script";
    case "image-served":
      return "images";
    case "keys-served":
      return "keys";
    default:
      return undefined;
  }
}

/** Configurations have an event of their own, which says more. */
function stageOfTransfer(file: string): BootStage["name"] | undefined {
  if (/^(?:grub|pxelinux\.cfg)\//.test(file)) return undefined;
  if (/^nixos\//.test(file)) return "images";
  return /^nodes\/.*\/keys\.cpio\.gz$/.test(file) ? "keys" : "loader";
}

/** The installer's own DHCP client names no architecture: it gets no boot file, or the site's fallback. */
export function asksForBootFile({ bootFile, reason }: TimelineEvent["detail"]): boolean {
  return bootFile !== undefined && reason !== fallbackRemark;
}

/** The event's own words where it has any: they are nearer than a guess. */
function likelyCause(name: BootStage["name"], sign: TimelineEvent | undefined): string {
  const { kind, detail = {} } = sign ?? {};
  if (kind === "boot-script-served" && detail["plan"] === "local-disk")
    return `it was sent to its own disk: ${detail["reason"]}`;
  if (kind === "boot-refused") return `it was refused ${detail["asked"]}: ${detail["reason"]}`;
  if (kind === "boot-reported") {
    const number = String(detail["error"] ?? "").replace(/^0x/, "");
    const error = number === "" ? "" : `: https://ipxe.org/${number}`;
    return `its script reports that it could not do "${detail["stage"]}"${error}`;
  }
  if ((kind === "dhcp-refused" || kind === "dhcp-ignored") && detail["reason"] !== undefined)
    return String(detail["reason"]);
  if (kind === "tftp-transferred" && !wellEnded.includes(detail["outcome"]))
    return `the transfer of ${detail["file"]} ended as ${detail["outcome"]}`;
  if (kind === "image-served" && detail["outcome"] === "cut")
    return `the download of ${detail["file"]} was cut after ${detail["bytes"]} bytes`;
  if (kind === "image-served" && detail["outcome"] === "too-slow")
    return `the download of ${detail["file"]} was given up after ${detail["bytes"]} bytes: the machine took less than server.leastDownloadKiBPerSecond`;
  return causes[name];
}
