// The answer of an installer's shell to the probe, section by section.

const installer =
  'NAME=NixOS\nID=nixos\nVARIANT_ID="installer"\nPRETTY_NAME="NixOS 26.05 (Yarara)"\n';
const macs = "00:00:00:00:00:00\n52:54:00:12:34:56\n52:54:00:aa:34:56\n";

export interface ReportParts {
  readonly os?: string;
  readonly macs?: string;
  readonly tree?: readonly object[];
  /** In place of the tree. */
  readonly text?: string;
  readonly machine?: readonly string[];
  readonly disks?: readonly string[];
  readonly links?: readonly string[];
}

export function reportText(over: ReportParts = {}): string {
  const lines = (all: readonly string[]) => all.map((line) => `${line}\n`).join("");
  return [
    over.os ?? installer,
    over.macs ?? macs,
    "uefi\n",
    over.text ?? `${JSON.stringify({ blockdevices: over.tree ?? [] })}\n`,
    lines([...(over.machine ?? []), "threads 8", "memory 33554432", "secureboot    1"]),
    lines(over.disks ?? []),
    lines(over.links ?? []),
  ].join("=== rackstrap\n");
}
