// A process of simulated BMCs for the benchmark: argv[2] of them on loopback. Prints their ports as JSON, then serves until it is
// ended.

import { createSimulator } from "../../vm-harness/bmc/ipmi-server.ts";
import { createMemoryMachine } from "../../vm-harness/bmc/machine.ts";

const ports: number[] = [];
for (let count = Number(process.argv[2]); count > 0; count -= 1) {
  const machine = createMemoryMachine(`machine${count}`);
  ports.push((await createSimulator({ machine, address: "127.0.0.1", port: 0 })).port);
}
process.stdout.write(`${JSON.stringify(ports)}\n`);
