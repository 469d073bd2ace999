// The TFTP server against the clients that Debian has. Traffic on loopback only.

import { execFile } from "node:child_process";
import { createHash, randomBytes } from "node:crypto";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { performance } from "node:perf_hooks";
import { promisify } from "node:util";
import { pino } from "pino";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import type { Ipv4 } from "../../src/net/ipv4.ts";
import { createTftpServer, type TftpEvent, type TftpServer } from "../../src/tftp/server.ts";
import { heldFile } from "../fakes/held-file.ts";
import { requireTools } from "./host.ts";

const run = promisify(execFile);
const host = "127.0.0.1" as Ipv4;

const packages = {
  ...{ tftp: "tftp-hpa", atftp: "atftp", curl: "curl", busybox: "busybox" },
} as const;

const files = new Map([
  ["undionly.kpxe", randomBytes(100_007)],
  ["ipxe.efi", randomBytes(1_000_000)],
  ["exact", randomBytes(512 * 40)],
  ["one", Buffer.from("1")],
  ["wrap", randomBytes(8 * 70_000)],
]);

let server: TftpServer;
let port: string;
let directory: string;
let events: TftpEvent[] = [];

beforeAll(async () => {
  await requireTools(packages);
  directory = await mkdtemp(join(tmpdir(), "rackstrap-tftp-"));
  server = createTftpServer({
    address: host,
    port: 0,
    files: async (name) => heldFile(files.get(name)),
    onFault: (error) => {
      throw error;
    },
    onEvent: (event) => events.push(event),
    now: () => performance.now(),
    logger: pino({ level: "silent" }),
  });
  port = String(await server.start());
});

afterAll(async () => {
  await server?.close();
  if (directory !== undefined) await rm(directory, { recursive: true });
});

type Fetch = (name: string, local: string) => readonly [string, readonly string[]];

const hpa =
  (...options: string[]): Fetch =>
  (name, local) => ["tftp", [host, port, ...options, "-c", "get", name, local]];

const atftp =
  (...options: string[]): Fetch =>
  (name, local) => {
    const list = options.flatMap((option) => ["--option", option]);
    return ["atftp", [...list, "--get", "-r", name, "-l", local, host, port]];
  };

const curl =
  (...options: string[]): Fetch =>
  (name, local) => ["curl", ["-sS", ...options, "-o", local, `tftp://${host}:${port}/${name}`]];

const busybox =
  (...options: string[]): Fetch =>
  (name, local) => ["busybox", ["tftp", "-g", ...options, "-r", name, "-l", local, host, port]];

const clients: readonly (readonly [string, Fetch])[] = [
  ["tftp-hpa as the runbook calls it (netascii)", hpa()],
  ["tftp-hpa in binary mode", hpa("-m", "binary")],
  ["atftp without options", atftp()],
  ["atftp with tsize and blksize 1468", atftp("tsize", "blksize 1468")],
  ["atftp with timeout 3", atftp("timeout 3")],
  ["atftp with blksize 8192", atftp("blksize 8192")],
  ["atftp with windowsize 16", atftp("blksize 1468", "windowsize 16")],
  ["curl", curl()],
  ["curl with blksize 1468", curl("--tftp-blksize", "1468")],
  ["curl without options", curl("--tftp-no-options")],
  ["busybox, which asks for tsize", busybox()],
  ["busybox with blksize 1468", busybox("-b", "1468")],
];

function sha256(octets: Buffer): string {
  return createHash("sha256").update(octets).digest("hex");
}

let serial = 0;
async function fetched(fetch: Fetch, name: string): Promise<Buffer> {
  const local = join(directory, `fetched-${serial++}`);
  const [command, argv] = fetch(name, local);
  await run(command, argv, { timeout: 50_000, cwd: directory });
  return readFile(local);
}

describe.each(clients)("%s", (_, fetch) => {
  it.each([...files.keys()].filter((name) => name !== "wrap"))(
    "fetches %s unharmed",
    async (name) => {
      events = [];
      const octets = await fetched(fetch, name);
      expect(sha256(octets)).toBe(sha256(files.get(name) ?? Buffer.alloc(0)));
      // The client may have ended before the thread has told of it.
      await vi.waitFor(() =>
        expect(events).toMatchObject([
          { file: name, client: host, outcome: "completed", retries: 0 },
        ]),
      );
    },
  );
});

describe("the TFTP server with real clients", () => {
  it("goes on past block 65535", async () => {
    const octets = await fetched(curl("--tftp-blksize", "8"), "wrap");
    expect(sha256(octets)).toBe(sha256(files.get("wrap") ?? Buffer.alloc(0)));
  });

  it("serves twenty clients at once, whole and apart", async () => {
    const many = createTftpServer({
      address: host,
      port: 0,
      files: async (name) => heldFile(files.get(name)),
      onFault: (error) => {
        throw error;
      },
      onEvent: () => undefined,
      now: () => performance.now(),
      logger: pino({ level: "silent" }),
      limits: { maxTransfersPerClient: 20 },
    });
    const manyPort = await many.start();
    const fetch: Fetch = (name, local) => [
      "curl",
      ["-sS", "--tftp-blksize", "1468", "-o", local, `tftp://${host}:${manyPort}/${name}`],
    ];
    const all = await Promise.all(Array.from({ length: 20 }, () => fetched(fetch, "ipxe.efi")));
    await many.close();
    for (const octets of all)
      expect(sha256(octets)).toBe(sha256(files.get("ipxe.efi") ?? Buffer.alloc(0)));
  });

  it("tells tftp-hpa that a file does not exist", async () => {
    const { stdout, stderr } = await run("tftp", [host, port, "-c", "get", "none"], {
      cwd: directory,
    }).catch((error: { stdout: string; stderr: string }) => error);
    expect(stdout + stderr).toContain("file not found");
  });

  it("refuses a write from atftp", async () => {
    const argv = ["--put", "-l", "/etc/hostname", "-r", "x", host, port];
    const { stdout, stderr } = await run("atftp", argv, { timeout: 20_000 }).catch(
      (error: { stdout: string; stderr: string }) => error,
    );
    expect(stdout + stderr).toMatch(/read-only|Access violation|aborting/i);
    expect(events.at(-1)).toMatchObject({ file: "x", outcome: "refused" });
  });
});
