// Starts the server under test in its namespace: ours, or one of three others that tell whether a case is fair.

import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { createClient, types } from "./client.ts";
import { dhcpdConfig } from "./dhcpd.ts";
import { dnsmasqConfig } from "./dnsmasq.ts";
import { keaConfig } from "./kea.ts";
import { type Network, serverSpace } from "./network.ts";
import { rackLink, type Site } from "./site.ts";

/** What a server needs in its directory, and how it is started in the foreground. */
interface Command {
  readonly files: Readonly<Record<string, string>>;
  readonly argv: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
}

const script = fileURLToPath(new URL("../dhcp-process.ts", import.meta.url));

type Adapter = (site: Site, directory: string) => Command;

const dnsmasq =
  (proxy: boolean): Adapter =>
  (site, directory) => ({
    files: { "dnsmasq.conf": dnsmasqConfig(site, directory, proxy) },
    argv: ["dnsmasq", "-k", "-C", join(directory, "dnsmasq.conf")],
  });

const adapters: Readonly<Record<string, Adapter>> = {
  ours: (site, directory) => ({
    files: { "site.json": JSON.stringify(site) },
    argv: [process.execPath, script, rackLink, join(directory, "site.json")],
  }),
  kea: (site, directory) => ({
    files: { "kea.json": JSON.stringify(keaConfig(site, directory), null, 1) },
    argv: ["kea-dhcp4", "-c", join(directory, "kea.json")],
    env: { KEA_PIDFILE_DIR: directory, KEA_LOCKFILE_DIR: "none" },
  }),
  dnsmasq: dnsmasq(false),
  "dnsmasq-proxy": dnsmasq(true),
  dhcpd: (site, directory) => ({
    files: { "dhcpd.conf": dhcpdConfig(site), "dhcpd.leases": "" },
    argv: [
      ...["dhcpd", "-4", "-f", "-cf", join(directory, "dhcpd.conf"), "-user", "root"],
      ...["-lf", join(directory, "dhcpd.leases"), "-pf", join(directory, "dhcpd.pid"), rackLink],
    ],
  }),
};

export interface Server {
  /** Whether the process still runs. */
  alive(): boolean;
  stop(): Promise<void>;
}

async function untilItAnswers(network: Network, site: Site, child: ChildProcess): Promise<void> {
  const probe = createClient(network, site, { mac: "02:77:dd:00:00:aa" });
  for (let tries = 0; tries < 60; tries += 1) {
    if (child.exitCode !== null) throw new Error(`the server ended with ${child.exitCode}`);
    if ((await probe.hear(types.discover)) !== undefined) return;
  }
  throw new Error("the server does not answer a DISCOVER within 13 seconds");
}

/**
 * Starts the server that the environment variable SERVER names (`ours`, `kea`, `dnsmasq`, `dnsmasq-proxy`, `dhcpd`) for the site,
 * and waits until it offers an address on the site's first interface.
 */
export async function startServer(network: Network, site: Site, name = "ours"): Promise<Server> {
  const adapter = adapters[name];
  if (adapter === undefined)
    throw new Error(`SERVER is ${name}: say one of ${Object.keys(adapters).join(", ")}`);
  const directory = await mkdtemp(join(tmpdir(), "rackstrap-conformance-"));
  const { files, argv, env } = adapter(site, directory);
  for (const [file, content] of Object.entries(files))
    await writeFile(join(directory, file), content);
  const output = process.env["SERVER_OUTPUT"] === undefined ? "ignore" : "inherit";
  const child = spawn("ip", ["netns", "exec", serverSpace, ...argv], {
    stdio: ["ignore", output, output],
    env: { ...process.env, ...env },
  });
  const stop = async () => {
    if (child.exitCode === null && child.signalCode === null) {
      const ended = once(child, "exit");
      child.kill("SIGTERM");
      await ended;
    }
    await rm(directory, { recursive: true });
  };
  try {
    await untilItAnswers(network, site, child);
  } catch (cause) {
    await stop();
    throw new Error(`${name} did not start; SERVER_OUTPUT=1 shows what it says`, { cause });
  }
  return { alive: () => child.exitCode === null && child.signalCode === null, stop };
}
