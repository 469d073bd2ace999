// The checks' view of the real machine and network: sockets, programs, files, name servers, clocks.

import { createSocket } from "node:dgram";
import { Resolver } from "node:dns/promises";
import { readdirSync, readFileSync } from "node:fs";
import { readFile, stat, statfs } from "node:fs/promises";
import { createServer } from "node:net";
import { networkInterfaces } from "node:os";
import { dirname } from "node:path";
import { runChild } from "../install/child.ts";
import { nixConfig } from "../install/nix-features.ts";
import { clockOffset, sntpRequest } from "./sntp.ts";
import type { Binding, Ended, NetworkInterface, Surroundings } from "./surroundings.ts";

const dnsTimeoutMs = 2_000;
const ntpTimeoutMs = 2_000;
const ntpTries = 2;
const maxOutputBytes = 8 * 1024 * 1024;

export function systemSurroundings(probeBmc: Surroundings["probeBmc"]): Surroundings {
  return {
    now: () => Date.now(),
    interfaces,
    bind: (protocol, address, port) =>
      protocol === "udp" ? bindUdp(address, port) : bindTcp(address, port),
    run,
    names: (servers) => {
      const resolver = new Resolver({ timeout: dnsTimeoutMs, tries: 2 });
      resolver.setServers([...servers]);
      return {
        addressesOf: (name) => resolver.resolve4(name),
        namesOf: (address) => resolver.reverse(address),
      };
    },
    clockOffsetMs,
    freeBytes,
    mode: async (file) => await stat(file).then(({ mode }) => mode & 0o7777, absent),
    readText: (file) => readFile(file, "utf8"),
    probeBmc,
  };
}

/** Node leaves out what has no link, so the names come from the kernel. */
function interfaces(): ReadonlyMap<string, NetworkInterface> {
  const running = networkInterfaces();
  return new Map(
    readdirSync("/sys/class/net").map((name) => [
      name,
      {
        addresses: (running[name] ?? [])
          .filter(({ family }) => family === "IPv4")
          .map(({ address }) => address),
        carrier: carrierOf(name),
      },
    ]),
  );
}

/** The kernel refuses to say it of an interface that is down. */
function carrierOf(name: string): boolean {
  try {
    return readFileSync(`/sys/class/net/${name}/carrier`, "latin1").trim() === "1";
  } catch {
    return false;
  }
}

function bindUdp(address: string, port: number): Promise<Binding> {
  const socket = createSocket({ type: "udp4", reuseAddr: false });
  return new Promise((resolve) => {
    socket.once("error", (error) => {
      socket.close();
      resolve(bindingOf(error));
    });
    socket.bind({ address, port, exclusive: true }, () =>
      socket.close(() => resolve({ kind: "free" })),
    );
  });
}

function bindTcp(address: string, port: number): Promise<Binding> {
  const server = createServer();
  return new Promise((resolve) => {
    server.once("error", (error) => resolve(bindingOf(error)));
    server.listen({ host: address, port, exclusive: true }, () =>
      server.close(() => resolve({ kind: "free" })),
    );
  });
}

function bindingOf(error: NodeJS.ErrnoException): Binding {
  return error.code === "EADDRINUSE"
    ? { kind: "taken" }
    : { kind: "refused", why: error.code ?? error.message };
}

async function run(argv: readonly string[], timeoutMs: number): Promise<Ended | undefined> {
  const { signal } = new AbortController();
  // An install has the same, so a nix that is short of it is no reason for a bad line here.
  const environment = { PATH: process.env["PATH"] ?? "", NIX_CONFIG: nixConfig };
  try {
    const { exitCode, timedOut, stdout, stderr } = await runChild(
      argv,
      { timeoutMs, maxOutputBytes, environment },
      signal,
    );
    return { exitCode: timedOut ? undefined : exitCode, stdout, stderr };
  } catch (cause) {
    if (cause instanceof Error && "code" in cause && cause.code === "ENOENT") return undefined;
    throw cause;
  }
}

async function clockOffsetMs(server: string): Promise<number | undefined> {
  for (let tries = 0; tries < ntpTries; tries += 1) {
    const offset = await askTime(server);
    if (offset !== undefined) return offset;
  }
  return undefined;
}

function askTime(server: string): Promise<number | undefined> {
  const socket = createSocket("udp4");
  const request = sntpRequest(Date.now());
  return new Promise((resolve) => {
    const end = (offset: number | undefined) => {
      clearTimeout(timer);
      socket.removeAllListeners("message");
      socket.close();
      resolve(offset);
    };
    const timer = setTimeout(end, ntpTimeoutMs, undefined);
    socket.once("error", () => end(undefined));
    socket.on("message", (reply) => {
      const offset = clockOffset(request, reply, Date.now());
      if (offset !== undefined) end(offset);
    });
    // Connected, so that nobody else's datagram is taken for the answer.
    socket.connect(123, server, () => socket.send(request));
  });
}

async function freeBytes(directory: string): Promise<number> {
  try {
    const { bavail, bsize } = await statfs(directory);
    return bavail * bsize;
  } catch (cause) {
    const parent = dirname(directory);
    if (absentCode(cause) && parent !== directory) return await freeBytes(parent);
    throw cause;
  }
}

const absentCode = (cause: unknown): boolean =>
  cause instanceof Error && "code" in cause && cause.code === "ENOENT";

function absent(cause: unknown): undefined {
  if (absentCode(cause)) return undefined;
  throw cause;
}
