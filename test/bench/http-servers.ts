// The HTTP servers as an operator would start them to give one initrd to machines.

import { link, mkdir, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { dhcpServers } from "./dhcp-servers.ts";
import type { Downloads } from "./http-client.ts";
import { addresses, type Lab, runBesideServer, runClient } from "./lab.ts";
import { type Preparation, type Prepare, withServerProcess } from "./server-process.ts";

const httpServers = {
  rackstrap: prepareRackstrap,
  nginx: (directory) => prepareNginx(directory, "auto"),
  "nginx-1": (directory) => prepareNginx(directory, "1"),
} as const satisfies Record<string, Prepare>;

export type HttpServerName = keyof typeof httpServers;
export const httpServerNames = Object.keys(httpServers) as readonly HttpServerName[];

const httpPort = 8080;
const imagePath = "/boot/nixos/worker/initrd";
export const imageBytes = 250_000_000;

/** Beside the servers' own folders: all of them serve the same file. */
const imageRoot = (directory: string) => join(directory, "..", "images");

/** Writes the image, once for all servers. */
export async function writeImage(lab: Lab): Promise<void> {
  const file = join(imageRoot(join(lab.directory, "any")), imagePath);
  await mkdir(dirname(file), { recursive: true });
  await writeFile(file, Buffer.alloc(imageBytes, "an initrd "));
}

async function prepareRackstrap(directory: string): Promise<Preparation> {
  const preparation = await dhcpServers.rackstrap(directory);
  const set = join(directory, "assets", "nixos", "worker");
  await mkdir(set, { recursive: true });
  await link(join(imageRoot(directory), imagePath), join(set, "initrd"));
  await writeFile(join(set, "bzImage"), "not booted here");
  await writeFile(join(set, "cmdline"), "init=/nix/store/bench/init\n");
  return preparation;
}

/** nginx as Debian configures it (sendfile, tcp_nopush), without its log of each request, which is to its advantage. */
async function prepareNginx(directory: string, workers: string): Promise<Preparation> {
  const temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
    .map((name) => `${name}_temp_path ${join(directory, name)};`)
    .join(" ");
  const configuration = `
    daemon off; user root; worker_processes ${workers}; pid ${join(directory, "pid")}; error_log stderr;
    events { worker_connections 1024; }
    http {
      ${temporary} access_log off; sendfile on; tcp_nopush on;
      server { listen ${addresses.server}:${httpPort}; root ${imageRoot(directory)}; }
    }`;
  const file = join(directory, "nginx.conf");
  await writeFile(file, configuration);
  // Debian has it outside the path of everyone but root.
  return { argv: ["/usr/sbin/nginx", "-c", file] };
}

/** Starts a server on fresh files, waits until it has served the image once, does the work and stops it again. */
export function withHttpServer<T>(
  lab: Lab,
  name: HttpServerName,
  work: (pid: number) => Promise<T>,
): Promise<T> {
  return withServerProcess(lab, name, httpServers[name], () => ask(lab), work);
}

/** By some downloads, after which nobody has to read the file from the disk. */
async function ask(lab: Lab): Promise<string | undefined> {
  const { failures } = await download(lab, "wire", 1, 4);
  return failures[0];
}

/** `loopback`: the clients are on the server's own machine. `wire`: they come through a pair of interfaces with an MTU of 1500. */
export type Path = "loopback" | "wire";

/** Lets `clients` make so many downloads each. */
export async function download(
  lab: Lab,
  path: Path,
  clients: number,
  times: number,
): Promise<Downloads> {
  const script = join(import.meta.dirname, "http-client.ts");
  const sizes = [imageBytes, clients, times].map(String);
  // Two addresses: 64 connections are as many as rackstrap allows one to have.
  const [run, from] =
    path === "wire"
      ? [runClient, [addresses.relay, addresses.reservedRelay]]
      : [runBesideServer, ["127.0.0.1", "127.0.0.2"]];
  const target = [addresses.server, `${httpPort}`, imagePath];
  const result = await run(lab, [process.execPath, script, ...target, ...sizes, ...from], 300_000);
  if (result.code !== 0) throw new Error(`the HTTP client failed: ${result.stderr}`);
  return JSON.parse(result.stdout) as Downloads;
}
