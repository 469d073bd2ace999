// rackstrap render: the exact text a machine would be given at a stage of its boot.

import type { Command } from "commander";
import { renderedShape } from "../api/shapes.ts";
import { exitCodes } from "./exit.ts";
import { type Done, optionsOf, printJson } from "./output.ts";
import { connect, type GlobalOptions } from "./server.ts";

export function addRenderCommand(program: Command, done: Done): void {
  program
    .command("render")
    .description("print what a node would be given at a stage of its boot; nothing is changed")
    .argument("<node>", "name of a declared node")
    .argument("<stage>", "the stage; an unknown one lists those there are")
    .action(async (node: string, stage: string, _options, command: Command) => {
      const options = optionsOf<GlobalOptions>(command);
      const path = `/api/render/${encodeURIComponent(node)}/${encodeURIComponent(stage)}`;
      const rendered = await connect(options).get(path, renderedShape);
      // Byte for byte, for diff and for a pipe: no line end is added.
      if (options.json === true) printJson(rendered);
      else process.stdout.write(rendered.text);
      done(exitCodes.ok);
    });
}
