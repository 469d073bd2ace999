// The three TFTP servers as an operator would start them, each with the same files.

import { chmod, copyFile, mkdir } from "node:fs/promises";
import { join } from "node:path";
import { dhcpServers } from "./dhcp-servers.ts";
import { addresses, type Lab, serverInterface } from "./lab.ts";
import { type Preparation, type Prepare, withServerProcess } from "./server-process.ts";
import { runTftpClients } from "./tftp-load.ts";

/** By the server's name: how it is started with a folder of files. */
const tftpServers = {
  rackstrap: dhcpServers.rackstrap,
  "tftpd-hpa": prepareTftpdHpa,
  dnsmasq: prepareDnsmasq,
} as const satisfies Record<string, Prepare>;

export type TftpServerName = keyof typeof tftpServers;
export const tftpServerNames = Object.keys(tftpServers) as readonly TftpServerName[];

/** tftpd-hpa as Debian's unit starts it: in a changed root, a process for each transfer. */
async function prepareTftpdHpa(directory: string): Promise<Preparation> {
  const argv = ["/usr/sbin/in.tftpd", "--foreground", "--ipv4", "--secure"];
  return { argv: [...argv, "--address", `${addresses.server}:69`, join(directory, "assets")] };
}

/** dnsmasq as a TFTP server alone, with as many transfers as the clients want; it allows 50 unless told otherwise. */
async function prepareDnsmasq(directory: string): Promise<Preparation> {
  const argv = [
    ...["dnsmasq", "--conf-file=/dev/null", "--keep-in-foreground", "--user=root", "--port=0"],
    ...[`--interface=${serverInterface}`, "--bind-interfaces", "--pid-file=", "--log-facility=-"],
    ...["--enable-tftp", `--tftp-root=${join(directory, "assets")}`, "--tftp-max=1000"],
  ];
  return { argv };
}

/** Starts a server that has `files`, paths by name; waits until it answers, does the work and stops it again. */
export function withTftpServer<T>(
  lab: Lab,
  name: TftpServerName,
  files: ReadonlyMap<string, string>,
  work: () => Promise<T>,
): Promise<T> {
  const prepare = async (directory: string) => {
    const preparation = await tftpServers[name](directory);
    const assets = join(directory, "assets");
    await mkdir(assets, { recursive: true });
    for (const [file, path] of files) await copyFile(path, join(assets, file));
    // in.tftpd gives up its rights.
    for (const folder of [lab.directory, directory, assets]) await chmod(folder, 0o755);
    return preparation;
  };
  const [[file = "", copy = ""] = []] = files;
  const probe = { file, copy, clients: 1, blksize: 1468, windowsize: 1, lostPerMille: 0 };
  const ask = async () => {
    const { reasons } = await runTftpClients(lab, { ...probe, limitSeconds: 10 });
    return reasons[0];
  };
  return withServerProcess(lab, name, prepare, ask, work);
}
