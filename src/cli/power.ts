// rackstrap power: switches machines through their BMCs. It changes no boot device and starts no install.

import { Argument, type Command } from "commander";
import { powerAnswer } from "../api/shapes.ts";
import { exitCodeFor } from "./exit.ts";
import { type Done, optionsOf, print } from "./output.ts";
import { connect, type GlobalOptions } from "./server.ts";
import { formatTable } from "./table.ts";

export function addPowerCommand(program: Command, done: Done): void {
  program
    .command("power")
    .description("switch machines on or off, cycle them, or read their power state")
    .addArgument(new Argument("<action>", "what to do").choices(["on", "off", "cycle", "status"]))
    .argument("<nodes...>", "names of declared nodes")
    .action(async (action: string, nodes: string[], _options, command: Command) => {
      const options = optionsOf<GlobalOptions>(command);
      const body = { action, nodes: [...new Set(nodes)] };
      const answer = await connect(options).post("/api/power", body, powerAnswer);
      print(options, answer, () =>
        formatTable(
          ["NODE", "RESULT", "POWER", "REASON"],
          answer.results.map(({ node, ok, power, reason }) => [
            node,
            ok ? "ok" : "failed",
            power ?? "unknown",
            reason ?? "",
          ]),
        ),
      );
      done(exitCodeFor(answer.results.map(({ ok }) => ok)));
    });
}
