// rackstrap bmc: what a BMC is and says, its identify lamp, its event log and its password.

import { type Command, InvalidArgumentError } from "commander";
import * as shapes from "../api/bmc-shapes.ts";
import { addBoot, addMedia } from "./bmc-boot.ts";
import { choosePassword } from "./bmc-password.ts";
import { probeLines } from "./bmc-text.ts";
import { exitCodeFor, exitCodes } from "./exit.ts";
import { type Done, optionsOf, print } from "./output.ts";
import { connect, type GlobalOptions } from "./server.ts";
import { formatTable, printable } from "./table.ts";

export function addBmcCommand(program: Command, done: Done): void {
  const bmc = program.command("bmc").description("ask BMCs what they are and say");
  addProbe(bmc, done);
  addInfo(bmc, done);
  addSensors(bmc, done);
  addEvents(bmc, done);
  addIdentify(bmc, done);
  addBoot(bmc, done);
  addMedia(bmc, done);
  addPassword(bmc, done);
}

const pathOf = (node: string) => `/api/nodes/${encodeURIComponent(node)}/bmc`;

interface ProbeOptions extends GlobalOptions {
  readonly tryDefaults?: boolean;
}

function addProbe(bmc: Command, done: Done): void {
  bmc
    .command("probe")
    .description("what BMCs are, how they let people in, and what of them works")
    .argument("<target>", "name of a node, or a network: the declared BMCs in it")
    .option(
      "--try-defaults",
      "try at most three well-known passwords, and cipher suite 0, on each BMC",
    )
    .action(async (target: string, _options, command: Command) => {
      const options = optionsOf<ProbeOptions>(command);
      const body = { target, tryDefaults: options.tryDefaults === true };
      const answer = await connect(options).post("/api/bmc/probe", body, shapes.probesAnswer);
      print(options, answer, () => probeLines(answer.probes));
      done(exitCodeFor(answer.probes.map(({ login }) => login.works)));
    });
}

function addInfo(bmc: Command, done: Done): void {
  bmc
    .command("info")
    .description("maker, model, serial number, UUID and firmware")
    .argument("<node>", "name of a declared node")
    .action(async (node: string, _options, command: Command) => {
      const options = optionsOf<GlobalOptions>(command);
      const answer = await connect(options).get(pathOf(node), shapes.bmcShape);
      const { address, description, firmware } = answer;
      print(options, answer, () => [
        ...Object.entries({ address, ...description }).map(([name, value]) =>
          printable(`${name.padEnd(14)}${value}`),
        ),
        ...firmware.map(({ name, version }) => printable(`${name.padEnd(14)}${version}`)),
      ]);
      done(exitCodes.ok);
    });
}

function addSensors(bmc: Command, done: Done): void {
  bmc
    .command("sensors")
    .description("the BMC's sensors and their readings; exit 1 when one is critical")
    .argument("<node>", "name of a declared node")
    .action(async (node: string, _options, command: Command) => {
      const options = optionsOf<GlobalOptions>(command);
      const answer = await connect(options).get(`${pathOf(node)}/sensors`, shapes.sensorsAnswer);
      print(options, answer, () =>
        formatTable(
          ["SENSOR", "VALUE", "UNIT", "HEALTH"],
          answer.sensors.map(({ name, value, unit, health }) => [
            name,
            value === undefined ? "-" : String(Math.round(value * 100) / 100),
            unit,
            health,
          ]),
        ),
      );
      const critical = answer.sensors.some(({ health }) => health === "critical");
      done(critical ? exitCodes.failed : exitCodes.ok);
    });
}

interface EventsOptions extends GlobalOptions {
  readonly clear?: boolean;
}

function addEvents(bmc: Command, done: Done): void {
  bmc
    .command("events")
    .description("the BMC's own event log, oldest first")
    .argument("<node>", "name of a declared node")
    .option("--clear", "print it, then clear it")
    .action(async (node: string, _options, command: Command) => {
      const options = optionsOf<EventsOptions>(command);
      const server = connect(options);
      const path = `${pathOf(node)}/events`;
      const answer = await server.get(path, shapes.bmcEventsAnswer);
      print(options, answer, () =>
        formatTable(
          ["ID", "WHEN", "SEVERITY", "EVENT"],
          answer.events.map(({ id, time, severity, message }) => [
            ...[id, time ?? "-", severity],
            message,
          ]),
        ),
      );
      if (options.clear === true) await server.delete(path, shapes.bmcDone);
      done(exitCodes.ok);
    });
}

interface IdentifyOptions extends GlobalOptions {
  readonly seconds: number;
}

function addIdentify(bmc: Command, done: Done): void {
  bmc
    .command("identify")
    .description("light the identify lamp")
    .argument("<node>", "name of a declared node")
    .option("--seconds <count>", "for so long, up to 255; 0 puts it out", seconds, 60)
    .action(async (node: string, _options, command: Command) => {
      const options = optionsOf<IdentifyOptions>(command);
      const body = { seconds: options.seconds };
      const answer = await connect(options).post(`${pathOf(node)}/identify`, body, shapes.bmcDone);
      print(options, answer, () => [
        body.seconds === 0 ? `${node}: the lamp is out` : `${node}: lit for ${body.seconds} s`,
      ]);
      done(exitCodes.ok);
    });
}

interface PasswordOptions extends GlobalOptions {
  readonly generate?: string;
}

function addPassword(bmc: Command, done: Done): void {
  bmc
    .command("password")
    .description("change the password of the inventory's BMC user; reads the new one from stdin")
    .argument("<node>", "name of a declared node")
    .option("--generate <file>", "make one, and keep it in this file with mode 0600")
    .action(async (node: string, _options, command: Command) => {
      const options = optionsOf<PasswordOptions>(command);
      const server = connect(options);
      const { password, keep } = await choosePassword(options.generate, process.stdin);
      const body = { password: password.reveal() };
      const answer = await server.post(`${pathOf(node)}/password`, body, shapes.passwordChanged);
      keep();
      print(options, answer, () => [
        `${node}: the password of ${answer.user} is changed`,
        `  next: write it into ${answer.reference} of the server, which has the old one`,
      ]);
      done(exitCodes.ok);
    });
}

function seconds(text: string): number {
  if (!/^\d{1,3}$/.test(text) || Number(text) > 255)
    throw new InvalidArgumentError("give a whole number up to 255.");
  return Number(text);
}
