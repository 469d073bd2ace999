// rackstrap certs status: what the services of each node show now, and what is wrong with it.

import type { Command } from "commander";
import { type CertificateStatusView, certificateStatusAnswer } from "../api/certificate-shapes.ts";
import { authorityLines } from "./certs-text.ts";
import { CliError, exitCodes } from "./exit.ts";
import { type Done, optionsOf, print } from "./output.ts";
import { connect, type GlobalOptions } from "./server.ts";
import { formatDuration, formatTable, formatTime, printable } from "./table.ts";

interface StatusOptions extends GlobalOptions {
  readonly within: number;
}

export function addCertsStatusCommand(certs: Command, done: Done): void {
  certs
    .command("status")
    .description(
      "ask every service which certificate it shows: dates, names, CA; exit 1 when something is wrong or ends soon",
    )
    .argument("[nodes...]", "names of declared nodes; all when none is named")
    .option("--within <days>", "what ends in fewer days counts as a problem", parseDays, 30)
    .action(async (nodes: string[], _options, command: Command) => {
      const options = optionsOf<StatusOptions>(command);
      const query = new URLSearchParams(nodes.map((name): [string, string] => ["node", name]));
      query.set("within", `${options.within}`);
      const path = `/api/certificates/status?${query}`;
      const answer = await connect(options).get(path, certificateStatusAnswer);
      print(options, answer, () => statusLines(answer, Date.now()));
      const problems = [answer.authority, ...answer.nodes].flatMap((each) => each.problems);
      done(problems.length > 0 ? exitCodes.failed : exitCodes.ok);
    });
}

function parseDays(text: string): number {
  const days = Number(text);
  if (/^\d{1,5}$/.test(text) && days <= 36_500) return days;
  throw new CliError(
    exitCodes.usage,
    `--within ${text} is no number of days`,
    "write a whole number from 0 to 36500, such as --within 30",
  );
}

const columns = 140;

function statusLines({ authority, nodes }: CertificateStatusView, nowMs: number): string[] {
  const rows = nodes.flatMap(({ node, issued, services }) =>
    services.map(({ service, port, shown }) => [
      node,
      `${service}:${port}`,
      ...(shown === undefined
        ? ["-", "-", "-", "-", "-"]
        : [
            formatTime(shown.notBeforeMs),
            formatTime(shown.notAfterMs),
            shown.notAfterMs > nowMs ? formatDuration(shown.notAfterMs - nowMs) : "ended",
            signerText[shown.signer],
            shown.fingerprint === issued?.fingerprint ? "yes" : "no",
          ]),
    ]),
  );
  const wrong = [
    ...authority.problems,
    ...nodes.flatMap(({ node, problems }) => problems.map((problem) => `${node}: ${problem}`)),
  ];
  return [
    ...authorityLines(authority, nowMs),
    ...rotationLines(authority),
    ...formatTable(
      ["NODE", "SERVICE", "BEGAN", "ENDS", "LEFT", "CA", "ISSUED LAST"],
      rows,
      columns,
    ),
    ...wrong.map(printable),
  ];
}

const signerText = { signing: "in use", "also-trusted": "trusted", other: "another" } as const;

function rotationLines({ stage, alsoTrusted }: CertificateStatusView["authority"]): string[] {
  const besides = alsoTrusted.map(({ subject, fingerprint, notAfterMs }) =>
    printable(
      `   also trusted: ${subject}, ends ${formatTime(notAfterMs)}, SHA-256 ${fingerprint}`,
    ),
  );
  switch (stage) {
    case "one":
      return besides;
    case "begun":
      return ["   being replaced: the next CA is made, and does not sign yet", ...besides];
    case "switched":
      return ["   being replaced: it signs, and the old one is trusted still", ...besides];
  }
}
