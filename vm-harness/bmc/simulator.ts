// A simulated BMC as a program:
//   node vm-harness/bmc/simulator.ts --address 10.0.10.50 --user admin --password-file FILE [--machine DIR] [--port 623]
//     [--suites 17,3] [--sessions 4] [--bmc-key-file FILE] [--control SOCKET] [--redfish-port 443 --certificate FILE]
// With --machine it is the BMC of that QEMU machine, in whose network namespace it must run; without, of one that is memory alone.
// Redfish is served where it has a port; its certificate is written to FILE. Prints "ready" when it answers. Ends at SIGTERM.

import { readFileSync, writeFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { serveControl } from "./control.ts";
import { noFaults } from "./faults.ts";
import { createSimulator } from "./ipmi-server.ts";
import { createMemoryMachine, type SimulatedMachine, type SimulatedUser } from "./machine.ts";
import { createQemuMachine } from "./qemu-machine.ts";
import { createRedfishServer } from "./redfish-server.ts";

const { values } = parseArgs({
  options: {
    address: { type: "string", default: "127.0.0.1" },
    port: { type: "string", default: "623" },
    user: { type: "string", default: "admin" },
    "password-file": { type: "string" },
    "bmc-key-file": { type: "string" },
    suites: { type: "string", default: "17,3" },
    sessions: { type: "string", default: "4" },
    machine: { type: "string" },
    control: { type: "string" },
    "redfish-port": { type: "string" },
    certificate: { type: "string" },
  },
});

const faults = noFaults();
const machine = openMachine();
const bmcKeyFile = values["bmc-key-file"];
const simulator = await createSimulator({
  machine,
  faults,
  address: values.address,
  port: Number(values.port),
  suites: values.suites.split(",").map(parseSuite),
  sessions: Number(values.sessions),
  bmcKey: bmcKeyFile === undefined ? undefined : firstLine(bmcKeyFile),
  failed: (error) => process.stderr.write(`${error instanceof Error ? error.message : error}\n`),
});
if (values["redfish-port"] !== undefined) {
  const port = Number(values["redfish-port"]);
  const { certificate } = await createRedfishServer(simulator.machine, {
    ...{ address: values.address, port },
  });
  if (values.certificate !== undefined) writeFileSync(values.certificate, certificate);
}
if (values.control !== undefined) await serveControl(values.control, machine, faults);
process.stdout.write("ready\n");

function parseSuite(text: string): 3 | 17 {
  if (text === "3") return 3;
  if (text === "17") return 17;
  throw new Error(`--suites: "${text}" is no cipher suite of this BMC: use 17, 3 or 17,3`);
}

function openMachine(): SimulatedMachine {
  const file = values["password-file"];
  if (file === undefined) throw new Error("--password-file is missing: name a file of mode 0600");
  const user: SimulatedUser = {
    ...{ id: 2, name: values.user, password: firstLine(file) },
    ...{ administrator: true, enabled: true },
  };
  if (values.machine !== undefined) return createQemuMachine(values.machine, [user]);
  const memory = createMemoryMachine(values.address);
  memory.users.splice(0, memory.users.length, user);
  return memory;
}

function firstLine(file: string): string {
  return readFileSync(file, "utf8").split("\n", 1)[0] ?? "";
}
