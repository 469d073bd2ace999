// What goes over one interface of a lab, as tshark reads it: a decoder that shares nothing with src/.

import { execFile } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";
import type { Lab } from "./lab.ts";

const run = promisify(execFile);

export interface Capture {
  /** Stops it and gives the file a reader. */
  finish(): Promise<Captured>;
}

export interface Captured {
  /** The fields of every datagram that fits the display filter, under their names in tshark. */
  fields(filter: string, ...names: readonly string[]): Promise<Record<string, string>[]>;
  /** One line for each datagram that tshark calls malformed or has a warning or an error for. */
  complaints(): Promise<string[]>;
}

/** Captures DHCP and PXE, both ways. */
export async function startCapture(lab: Lab, space: string, device: string): Promise<Capture> {
  const file = join(lab.directory, `${space}-${device}.pcap`);
  const ports = "udp and (port 67 or port 68 or port 4011)";
  const argv = ["tcpdump", "-i", device, "-U", "-w", file, "--immediate-mode", "-n", ports];
  const program = lab.start(space, ...argv);
  await program.said("listening on");
  return {
    async finish() {
      await program.stop("SIGINT");
      return readCapture(file);
    },
  };
}

function readCapture(file: string): Captured {
  const tshark = async (...argv: string[]) => {
    const port = ["-d", "udp.port==4011,dhcp"];
    const { stdout } = await run("tshark", ["-r", file, ...port, ...argv], { maxBuffer: 1 << 26 });
    return stdout.split("\n").filter((line) => line !== "");
  };
  return {
    async fields(filter, ...names) {
      const wanted = names.flatMap((name) => ["-e", name]);
      const lines = await tshark("-Y", filter, "-T", "fields", "-E", "separator=|", ...wanted);
      return lines.map((line) =>
        Object.fromEntries(line.split("|").map((value, i) => [names[i], value])),
      );
    },
    complaints: () => {
      // 0x600000 is the severity "warning"; "error" is above it.
      const filter = "_ws.malformed or _ws.expert.severity >= 0x600000";
      return tshark("-Y", filter, "-T", "fields", "-e", "frame.number", "-e", "_ws.expert.message");
    },
  };
}
