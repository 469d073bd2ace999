// rackstrap leases: who has which address, from DHCP's own records.

import type { Command } from "commander";
import { type LeaseView, leasesAnswer } from "../api/shapes.ts";
import { exitCodes } from "./exit.ts";
import { type Done, optionsOf, print } from "./output.ts";
import { connect, type GlobalOptions } from "./server.ts";
import { formatDuration, formatTable, formatTime } from "./table.ts";

interface LeasesOptions extends GlobalOptions {
  readonly all?: boolean;
}

export function addLeasesCommand(program: Command, done: Done): void {
  program
    .command("leases")
    .description("DHCP leases that have not ended, by address")
    .option("--all", "ended and given-up ones as well")
    .action(async (_options, command: Command) => {
      const options = optionsOf<LeasesOptions>(command);
      const { leases } = await connect(options).get("/api/leases", leasesAnswer);
      const nowMs = Date.now();
      const shown = options.all === true ? leases : leases.filter((lease) => isLive(lease, nowMs));
      print(options, { leases: shown }, () => leasesTable(shown, nowMs));
      done(exitCodes.ok);
    });
}

function isLive({ state, expiresAtMs }: LeaseView, nowMs: number): boolean {
  return state !== "released" && expiresAtMs > nowMs;
}

function leasesTable(leases: readonly LeaseView[], nowMs: number): string[] {
  return formatTable(
    ["ADDRESS", "MAC", "NODE", "STATE", "ENDS", "LAST SEEN", "HOST NAME"],
    leases.map((lease) => [
      lease.address,
      lease.mac,
      lease.node ?? "-",
      stateOf(lease, nowMs),
      isLive(lease, nowMs) ? `in ${formatDuration(lease.expiresAtMs - nowMs)}` : "-",
      formatTime(lease.lastSeenMs),
      lease.hostName ?? "",
    ]),
  );
}

function stateOf({ state, expiresAtMs }: LeaseView, nowMs: number): string {
  if (state === "released") return "given up";
  if (expiresAtMs <= nowMs) return "ended";
  if (state === "foreign") return "by another server";
  return state === "declined" ? "set aside" : "leased";
}
