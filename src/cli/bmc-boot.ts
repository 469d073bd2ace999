// rackstrap bmc boot and bmc media: what a machine boots next, and the virtual CD that it may boot from.

import { Argument, type Command } from "commander";
import { bootAnswer, mediaAnswer } from "../api/bmc-shapes.ts";
import { exitCodes } from "./exit.ts";
import { type Done, optionsOf, print } from "./output.ts";
import { connect, type GlobalOptions } from "./server.ts";
import { printable } from "./table.ts";

const pathOf = (node: string, what: string) => `/api/nodes/${encodeURIComponent(node)}/bmc/${what}`;

interface BootOptions extends GlobalOptions {
  readonly persistent?: boolean;
}

export function addBoot(bmc: Command, done: Done): void {
  bmc
    .command("boot")
    .description("read, or set, what the machine boots next in place of its own order")
    .argument("<node>", "name of a declared node")
    .addArgument(
      new Argument("[device]", "what to boot; none: its own order").choices([
        ...["none", "pxe", "disk", "cdrom", "bios"],
      ]),
    )
    .option("--persistent", "at every boot, not at the next one only")
    .action(async (node: string, device: string | undefined, _options, command: Command) => {
      const options = optionsOf<BootOptions>(command);
      const server = connect(options);
      const path = pathOf(node, "boot");
      const persistent = options.persistent === true;
      const kept =
        device === undefined
          ? await server.get(path, bootAnswer)
          : await server.put(path, { device, persistent }, bootAnswer);
      print(options, kept, () => [
        kept.device === "none"
          ? `${node}: boots in its own order`
          : `${node}: boots from ${kept.device} ${kept.persistent ? "at every boot" : "once"}${kept.uefi ? ", UEFI" : ""}`,
        ...(persistent && !kept.persistent ? ["  its BMC does not keep it for good"] : []),
      ]);
      done(exitCodes.ok);
    });
}

interface MediaOptions extends GlobalOptions {
  readonly insert?: string;
  readonly eject?: boolean;
}

export function addMedia(bmc: Command, done: Done): void {
  bmc
    .command("media")
    .description("read, or change, the image in the virtual CD drive (Redfish)")
    .argument("<node>", "name of a declared node")
    .option("--insert <url>", "an ISO image that the BMC can fetch; then: bmc boot NODE cdrom")
    .option("--eject", "take it out")
    .action(async (node: string, _options, command: Command) => {
      const options = optionsOf<MediaOptions>(command);
      const server = connect(options);
      const path = pathOf(node, "media");
      const { insert, eject } = options;
      const answer =
        insert === undefined && eject !== true
          ? await server.get(path, mediaAnswer)
          : await server.put(path, { image: insert ?? null }, mediaAnswer);
      print(options, answer, () => [
        printable(`${node}: ${answer.image ?? "nothing is in its virtual CD drive"}`),
      ]);
      done(exitCodes.ok);
    });
}
