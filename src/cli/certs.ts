// rackstrap certs list: the CA, what it issued, until when it is good, and whether it was seen on its node. Its other subcommands have files of
// their own.

import type { Command } from "commander";
import {
  type CertificatesView,
  type CertificateView,
  certificatesAnswer,
} from "../api/certificate-shapes.ts";
import { addCertsRotateCommand } from "./certs-rotate.ts";
import { addCertsStatusCommand } from "./certs-status.ts";
import { authorityLines } from "./certs-text.ts";
import { exitCodes } from "./exit.ts";
import { type Done, optionsOf, print } from "./output.ts";
import { connect, type GlobalOptions } from "./server.ts";
import { formatDuration, formatTable, formatTime } from "./table.ts";

interface CertsOptions extends GlobalOptions {
  readonly all?: boolean;
}

export function addCertsCommand(program: Command, done: Done): void {
  const certs = program.command("certs").description("the cluster's certificates");
  addCertsStatusCommand(certs, done);
  addCertsRotateCommand(certs, done);
  certs
    .command("list")
    .description("each node's last certificate and when it ends; exit 1 when one has ended")
    .option("--all", "those that were issued before as well")
    .action(async (_options, command: Command) => {
      const options = optionsOf<CertsOptions>(command);
      const answer = await connect(options).get("/api/certificates", certificatesAnswer);
      const shown = answer.certificates.filter(({ latest }) => latest || options.all === true);
      const nowMs = Date.now();
      print(options, { ...answer, certificates: shown }, () => lines(answer, shown, nowMs));
      const current = [answer.authority, ...shown.filter(({ latest }) => latest)];
      const ended = current.some(({ notAfterMs }) => notAfterMs <= nowMs);
      done(ended ? exitCodes.failed : exitCodes.ok);
    });
}

function lines(
  { authority }: CertificatesView,
  shown: readonly CertificateView[],
  nowMs: number,
): string[] {
  const table = formatTable(
    ["NODE", "ENDS", "LEFT", "ISSUED", "SEEN ON NODE", "SERIAL"],
    shown.map((each) => [
      each.node,
      formatTime(each.notAfterMs),
      each.notAfterMs > nowMs ? formatDuration(each.notAfterMs - nowMs) : "ended",
      formatTime(each.issuedAtMs),
      seenText(each),
      each.serial,
    ]),
    140,
  );
  return [
    ...authorityLines(authority, nowMs),
    ...(shown.length === 0 ? ["no certificate was issued yet"] : table),
  ];
}

function seenText({ verified, byAuthority }: CertificateView): string {
  if (!byAuthority) return "of another CA";
  if (verified === undefined) return "no";
  return verified.by === "files" ? "files" : "handshake";
}
