// rackstrap render: the exact text a machine would be given at a stage of its boot, or how that differs from the last.

import type { Command } from "commander";
import { type Rendered, renderedShape } from "../api/shapes.ts";
import { lineDiff } from "../inventory/line-diff.ts";
import { CliError, exitCodes } from "./exit.ts";
import { type Done, optionsOf, printJson } from "./output.ts";
import { connect, type GlobalOptions } from "./server.ts";
import { formatTime, printable } from "./table.ts";

interface RenderOptions extends GlobalOptions {
  readonly diff?: boolean;
}

export function addRenderCommand(program: Command, done: Done): void {
  program
    .command("render")
    .description("print what a node would be given at a stage of its boot; nothing is changed")
    .argument("<node>", "name of a declared node")
    .argument("[stage]", "the stage; an unknown one lists those there are", "boot")
    .option(
      "--diff",
      "how the stage differs from what the node was given last; for boot, grub and pxelinux",
    )
    .action(async (node: string, stage: string, _options, command: Command) => {
      const options = optionsOf<RenderOptions>(command);
      const path = `/api/render/${encodeURIComponent(node)}/${encodeURIComponent(stage)}`;
      const rendered = await connect(options).get(path, renderedShape);
      if (options.json === true) printJson(rendered);
      else if (options.diff === true) for (const line of diffLines(rendered)) console.log(line);
      // Byte for byte, for diff and for a pipe: no line end is added.
      else process.stdout.write(rendered.text);
      done(exitCodes.ok);
    });
}

/** What a machine is given, as it is; the others are what it would be given in another case. */
const compared = ["boot", "grub", "pxelinux"];

function diffLines({ node, stage, text, served }: Rendered): string[] {
  if (served === undefined)
    throw new CliError(
      exitCodes.failed,
      compared.includes(stage)
        ? `node ${node} was given nothing at the stage ${stage} yet`
        : `only the stages ${compared.join(", ")} can be compared, and not ${stage}`,
    );
  const when = formatTime(served.atMs);
  const lines = lineDiff(served.text, text);
  if (lines.length === 0)
    return [`what node ${node} was given at ${when} is what it would get now`];
  return [`--- given at ${when}`, "+++ now", ...lines.map(printable)];
}
