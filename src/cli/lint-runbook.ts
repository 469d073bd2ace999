// rackstrap lint-runbook: what of an operator's own runbook the program does itself, and what of it is unsafe.
// Reads the file and runs nothing of it.

import { readFileSync, statSync } from "node:fs";
import type { Command } from "commander";
import { messageOf } from "../net/error-text.ts";
import { CliError, exitCodes } from "./exit.ts";
import { type Finding, type Lint, lintRunbook } from "./lint-runbook/lint.ts";
import { type Done, optionsOf, print } from "./output.ts";
import type { GlobalOptions } from "./server.ts";
import { printable } from "./table.ts";

const maxBytes = 4 * 1024 * 1024;

interface LintedFile extends Lint {
  readonly file: string;
}

export function addLintRunbookCommand(program: Command, done: Done): void {
  program
    .command("lint-runbook")
    .description("report what a runbook in markdown does unsafely, and what rackstrap does itself")
    .argument("<file...>", "markdown; nothing in it is run")
    .action((files: string[], _options, command: Command) => {
      const options = optionsOf<GlobalOptions>(command);
      const linted = files.map((file) => ({ file, ...lintRunbook(readText(file)) }));
      print(options, { files: linted }, () => linted.flatMap(reportLines));
      const unsafe = linted.some(({ findings }) => findings.some(isUnsafe));
      done(unsafe ? exitCodes.failed : exitCodes.ok);
    });
}

function isUnsafe({ severity }: Finding): boolean {
  return severity === "unsafe";
}

function readText(file: string): string {
  const read = tryRead(file);
  if ("text" in read) return read.text;
  throw new CliError(
    exitCodes.usage,
    `${file} can't be read: ${read.error}`,
    "name a markdown file that you may read",
  );
}

function tryRead(file: string): { readonly text: string } | { readonly error: string } {
  try {
    const status = statSync(file);
    if (!status.isFile()) return { error: "it is no regular file" };
    if (status.size > maxBytes) return { error: `it has more than ${maxBytes / 1024 / 1024} MiB` };
    return { text: readFileSync(file, "utf8") };
  } catch (error) {
    return { error: messageOf(error) };
  }
}

function reportLines({ file, findings, commands, unknown }: LintedFile): string[] {
  const group = (title: string, some: readonly Finding[]) =>
    some.length === 0 ? [] : [title, ...some.flatMap((finding) => findingLines(file, finding)), ""];
  const unsafe = findings.filter(isUnsafe);
  const replaced = findings.filter((finding) => !isUnsafe(finding));
  const count = (some: readonly Finding[]) =>
    some.reduce((sum, { places }) => sum + places.length, 0);
  return [
    ...group("UNSAFE", unsafe),
    ...group("DONE BY RACKSTRAP", replaced),
    printable(
      `${file}: ${commands} commands read, ${count(unsafe)} places unsafe, ${count(replaced)} done by rackstrap, ${unknown} commands not known`,
    ),
  ];
}

function findingLines(file: string, { rule, message, remedy, places }: Finding): string[] {
  const where = places.map(({ line }) => `${file}:${line}`);
  const width = Math.max(...where.map((text) => text.length));
  return [
    `  ${rule}: ${message}`,
    `    next: ${remedy}`,
    ...places.map(({ text }, i) => printable(`    ${(where[i] ?? "").padEnd(width)}  ${text}`)),
  ];
}
