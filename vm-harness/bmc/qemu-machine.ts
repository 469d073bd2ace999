// The machine behind a simulated BMC that is a QEMU machine of the rack. bmc-vm.sh starts and ends it; what it prints comes from the
// socket of its serial line.

import { execFile } from "node:child_process";
import { readFileSync } from "node:fs";
import { connect } from "node:net";
import { basename, join } from "node:path";
import { promisify } from "node:util";
import type { BootDevice, PowerAction, PowerState } from "../../src/bmc/bmc.ts";
import { runningPid } from "../machine.ts";
import type { KeptBoot, SimulatedMachine, SimulatedUser } from "./machine.ts";
import { createQemuConsole } from "./qemu-console.ts";

const run = promisify(execFile);
const program = join(import.meta.dirname, "../bmc-vm.sh");

/**
 * The machine whose files machine.ts wrote to `directory`. To be used in the machine's network namespace, where its sockets are.
 * It keeps its boot override and its log in memory.
 */
export function createQemuMachine(directory: string, users: SimulatedUser[]): SimulatedMachine {
  const argv = readFileSync(join(directory, "qemu.argv"), "utf8").split("\n");
  const name = basename(directory);
  const actions: PowerAction[] = [];
  const boot: KeptBoot = { device: "none", persistent: false, uefi: false };
  const power = (): PowerState =>
    runningPid(join(directory, "qemu.pid")) === undefined ? "off" : "on";
  const serial = createQemuConsole(consolePort(argv), () => power() === "on");
  let last: Promise<void> = Promise.resolve();
  const act = async (action: PowerAction) => {
    const settings = settingsOf(action, power(), boot.device);
    if (settings.length === 0) return;
    // A start uses the override up, and has done so when the machine is seen to run.
    const starts = settings.includes("boot");
    if (starts && !boot.persistent) Object.assign(boot, { device: "none", uefi: false });
    await setMachine(directory, settings);
    if (starts) serial.connect();
  };
  return {
    description: {
      ...{ manufacturer: "QEMU", model: "Virtual Server", serial: name },
      ...{ bmcFirmware: "1.02", biosFirmware: "2.16" },
      uuid: argv[argv.indexOf("-uuid") + 1] ?? "",
    },
    users,
    sensors: [
      { name: "Inlet Temp", kind: "temperature", value: 23, criticalAbove: 47 },
      { name: "Fan 1", kind: "fan", value: 5400, criticalAbove: 20_000 },
      { name: "12V", kind: "voltage", value: 12, criticalAbove: 13 },
    ],
    log: [],
    boot,
    identifyUntilMs: 0,
    media: undefined,
    actions,
    power,
    // One after the other: the program behind it is not made for two at once.
    act: (action) => {
      actions.push(action);
      const done = last.then(() => act(action));
      last = done.catch(() => undefined);
      return done;
    },
    listenConsole: serial.listen,
    typeConsole: serial.type,
    breakConsole: () => sendBreak(directory),
  };
}

/** What bmc-vm.sh is told for an action: its names and values, none when there is nothing to do. */
export function settingsOf(
  action: PowerAction,
  power: PowerState,
  device: BootDevice,
): readonly string[] {
  // It calls the disk "default", as ipmi_sim does.
  const boot = ["boot", device === "disk" ? "default" : device];
  switch (action) {
    case "on":
      return power === "on" ? [] : [...boot, "power", "1"];
    case "off":
      return ["power", "0"];
    case "soft":
      return ["shutdown", "1"];
    case "cycle":
      return power === "off" ? [] : ["power", "0", ...boot, "power", "1"];
    case "reset":
      return power === "off" ? [] : [...boot, "reset", "1"];
  }
}

async function setMachine(directory: string, settings: readonly string[]): Promise<void> {
  try {
    await run(program, [directory, "set", ...settings], { timeout: 30_000 });
  } catch (cause) {
    const what = `bmc-vm.sh set ${settings.join(" ")}`;
    throw new Error(`machine ${directory}: ${what} failed: read ${join(directory, "bmc-vm.log")}`, {
      cause,
    });
  }
}

function consolePort(argv: readonly string[]): number {
  const chardev = argv.find((argument) => argument.startsWith("socket,id=console,")) ?? "";
  return Number(/port=(\d+)/.exec(chardev)?.[1]);
}

/** Asks QEMU's monitor (qemu-qmp-ref, chardev-send-break). A machine that is off has none to hear it. */
function sendBreak(directory: string): void {
  const port = Number(readFileSync(join(directory, "monitor-port"), "utf8"));
  const monitor = connect(port, "127.0.0.1");
  monitor.on("error", () => undefined);
  monitor.write('{"execute":"qmp_capabilities"}');
  monitor.write('{"execute":"chardev-send-break","arguments":{"id":"console"}}');
  let heard = "";
  monitor.on("data", (data) => {
    heard += data.toString();
    // Closing before the second answer could lose the command.
    if (heard.split('"return"').length > 2 || heard.includes('"error"')) monitor.end();
  });
}
