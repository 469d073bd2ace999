// The boot plane's real listener against curl, cpio and ill-mannered clients. Traffic on loopback only.

import { execFile, spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync, statSync, truncateSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createImageCache } from "../../src/boot/image-cache.ts";
import { type Listening, listenBootPlane } from "../../src/bootplane/listen.ts";
import type { Ipv4 } from "../../src/net/ipv4.ts";
import { randomImage } from "../fakes/asset-directory.ts";
import {
  armedMac,
  armedNonce,
  hostKey,
  publicKey,
  type TestBootPlane,
  testBootPlane,
} from "../fakes/boot-plane.ts";
import { requireTools } from "./host.ts";

const run = promisify(execFile);
const packages = { curl: "curl", cpio: "cpio" } as const;
const image = randomImage(48 * 1024 * 1024 + 7);
const kernel = "/boot/nixos/control-plane/bzImage";
const initrd = "/boot/nixos/control-plane/initrd";

let plane: TestBootPlane;
let listening: Listening;
let base: string;
let work: string;

beforeAll(async () => {
  await requireTools(packages);
  plane = await testBootPlane({}, { requestTimeoutMs: 1_000, connectionsPerClient: 8 });
  writeFileSync(join(plane.directory, "nixos/control-plane/initrd"), image);
  await plane.assets.reload();
  listening = await listenBootPlane(plane, "127.0.0.1" as Ipv4, 0);
  base = `http://127.0.0.1:${listening.port}`;
  work = mkdtempSync(join(tmpdir(), "rackstrap-bootplane-"));
});

afterAll(async () => {
  await plane?.close();
  if (work !== undefined) rmSync(work, { recursive: true });
});

async function curl(...argv: string[]): Promise<string> {
  return (await run("curl", ["-sS", ...argv], { maxBuffer: 1e8 })).stdout;
}

function sha256(octets: Buffer): string {
  return createHash("sha256").update(octets).digest("hex");
}

/** What the server says to raw octets before it closes; the client itself never closes. */
async function rawAnswer(octets: string): Promise<string> {
  const socket = connect(listening.port, "127.0.0.1");
  let answer = "";
  socket.on("data", (chunk) => {
    answer += String(chunk);
  });
  socket.on("error", () => undefined);
  socket.write(octets);
  await once(socket, "close");
  return answer;
}

describe("the boot plane with curl", () => {
  it("says that all services run, as the runbook's check expects", async () => {
    expect(await curl(`${base}/health`)).toBe(
      '{"status":"healthy","services":{"dhcp":"running","tftp":"running","http":"running"}}',
    );
    expect(listening.status()).toBe("running");
  });

  it("gives the first script and the machine's own", async () => {
    expect(await curl(`${base}/boot/ipxe/boot.ipxe`)).toMatch(/^#!ipxe\n/);
    expect(await curl(`${base}/boot/nodes/${armedMac}/boot.ipxe`)).toContain("hostname=node01");
  });

  it("tells the image's length by HEAD and sends it unharmed", async () => {
    const head = await curl("-I", base + initrd);
    expect(head).toMatch(/^HTTP\/1\.1 200 OK/);
    expect(head.toLowerCase()).toContain(`content-length: ${image.length}\r\n`);
    const local = join(work, "initrd");
    await curl("-o", local, base + initrd);
    expect(sha256(readFileSync(local))).toBe(sha256(image));
  });

  it("answers HEAD and then GET on one connection, as UEFI HTTP boot asks", async () => {
    const format = "%{num_connects} %{http_code} %{size_download}\n";
    const one = ["-w", format, "-o", "/dev/null"];
    const said = await curl("-I", ...one, base + initrd, "--next", "-sS", ...one, base + initrd);
    expect(said).toBe(`1 200 0\n0 200 ${image.length}\n`);
  });

  it("sends all of it when several parts are asked for", async () => {
    const format = ["-o", "/dev/null", "-w", "%{http_code} %{size_download}"];
    expect(await curl("-r", "0-99,200-299", ...format, base + initrd)).toBe(`200 ${image.length}`);
  });

  it("goes on where a download was cut", async () => {
    const local = join(work, "resumed");
    writeFileSync(local, image.subarray(0, 30_000_000));
    await curl("-C", "-", "-o", local, base + initrd);
    expect(sha256(readFileSync(local))).toBe(sha256(image));
  });

  it.each([
    "/boot/../../etc/passwd",
    "/boot/nixos/../../../etc/passwd",
    "/boot/nixos/control-plane/..%2f..%2f..%2fetc%2fpasswd",
    "/boot/nixos/control-plane/%2e%2e/ipxe.efi",
    "//etc/passwd",
    "/boot/ipxe.efi%00",
    "/boot/%zz",
  ])("finds nothing at %s", async (path) => {
    const format = ["-o", "/dev/null", "-w", "%{http_code}"];
    expect(await curl("--path-as-is", ...format, base + path)).toMatch(/^40[04]$/);
  });

  it("gives an archive that cpio unpacks to the keys", async () => {
    const archive = join(work, "keys.cpio.gz");
    await curl("-o", archive, `${base}/boot/nodes/${armedMac}/keys.cpio.gz?nonce=${armedNonce}`);
    const script = 'mkdir -p tree && cd tree && gunzip < "$1" | cpio -i -d --quiet';
    await run("sh", ["-c", script, "unpack", archive], { cwd: work });
    const keys = join(work, "tree/ssh/authorized_keys");
    expect(readFileSync(keys, "utf8")).toBe(`${publicKey}\n`);
    expect((statSync(keys).mode & 0o777).toString(8)).toBe("600");
    expect((statSync(join(work, "tree/ssh")).mode & 0o777).toString(8)).toBe("755");
    const key = join(work, "tree/ssh/ssh_host_ed25519_key");
    expect(readFileSync(key, "utf8")).toBe(hostKey.privateKey);
    expect((statSync(key).mode & 0o777).toString(8)).toBe("600");
    expect(JSON.parse(readFileSync(join(work, "tree/rackstrap.json"), "utf8"))).toEqual({});
  });
});

describe("a download that something happens to", () => {
  /** Truncates the image's file after curl's first octets, and returns how curl ended and what it got. */
  async function truncateMeanwhile(from: TestBootPlane, url: string) {
    from.events.splice(0);
    const child = spawn("curl", ["-sS", "--limit-rate", "40M", url]);
    const chunks: Buffer[] = [];
    child.stdout.on("data", (chunk: Buffer) => {
      if (chunks.length === 0)
        truncateSync(join(from.directory, "nixos/control-plane/initrd"), 40_000_000);
      chunks.push(chunk);
    });
    const [code] = await once(child, "close");
    return { code, received: Buffer.concat(chunks) };
  }

  it("is cut when it comes from disk and the file is truncated, so that no client takes it for whole", async () => {
    const onDisk = await testBootPlane({ images: createImageCache(0) });
    try {
      writeFileSync(join(onDisk.directory, "nixos/control-plane/initrd"), image);
      await onDisk.assets.reload();
      const { port } = await listenBootPlane(onDisk, "127.0.0.1" as Ipv4, 0);
      const { code, received } = await truncateMeanwhile(
        onDisk,
        `http://127.0.0.1:${port}${initrd}`,
      );
      expect(code).not.toBe(0);
      expect(received.length).toBeLessThan(image.length);
      await expect
        .poll(() => onDisk.events)
        .toMatchObject([{ kind: "image-served", outcome: "cut" }]);
    } finally {
      await onDisk.close();
    }
  });

  it("is reported when the client left, with about what it had", async () => {
    const child = spawn("curl", ["-sS", "--limit-rate", "1M", base + initrd]);
    await once(child.stdout, "data");
    child.kill("SIGKILL");
    // The downloads of the tests before were whole, and may be told as late as now.
    const cut = () =>
      plane.events.find((event) => event.kind === "image-served" && event.outcome === "cut");
    await expect.poll(cut).toMatchObject({ file: "initrd" });
    const event = cut();
    const bytes = event?.kind === "image-served" ? event.bytes : 0;
    expect(bytes).toBeGreaterThan(0);
    expect(bytes).toBeLessThan(image.length);
  });

  it.each([
    ["nothing more", 0],
    ["a little every now and then", 1_000],
  ])("is given up when its client takes %s", async (_, octets) => {
    const impatient = await testBootPlane({}, { slowAfterMs: 1_000 });
    try {
      writeFileSync(join(impatient.directory, "nixos/control-plane/initrd"), image);
      await impatient.assets.reload();
      const { port } = await listenBootPlane(impatient, "127.0.0.1" as Ipv4, 0);
      const socket = connect(port, "127.0.0.1").on("error", () => undefined);
      socket.write(`GET ${initrd} HTTP/1.1\r\nHost: boot\r\n\r\n`);
      await once(socket, "readable");
      const taking = setInterval(() => socket.read(octets), 100);
      socket.once("close", () => clearInterval(taking));
      await expect
        .poll(() => impatient.events, { timeout: 10_000 })
        .toMatchObject([{ file: "initrd", outcome: "too-slow" }]);
      socket.destroy();
    } finally {
      await impatient.close();
    }
  });

  it("goes on with the octets that it began with when it comes from memory", async () => {
    const { code, received } = await truncateMeanwhile(plane, base + initrd);
    expect(code).toBe(0);
    expect(sha256(received)).toBe(sha256(image));
    const served = { kind: "image-served", file: "initrd", outcome: "complete" };
    await expect.poll(() => plane.events).toMatchObject([served]);
  });
});

describe("the boot plane under bad conditions", () => {
  it("does not cut a download that is slower than the request timeout", async () => {
    const local = join(work, "slow");
    await curl("--limit-rate", "150K", "-o", local, base + kernel);
    expect(statSync(local).size).toBe(700_000);
  });

  it("closes a connection whose request does not arrive in time", async () => {
    expect(await rawAnswer("GET /health HTTP/1.1\r\nhost: x\r\nx-slow: ")).toContain("408");
    expect(await rawAnswer("")).not.toContain("200");
  });

  it("closes a connection whose request comes drop by drop", async () => {
    const socket = connect(listening.port, "127.0.0.1").on("error", () => undefined);
    socket.write("GET /health HTTP/1.1\r\nhost: x\r\n");
    const drops = setInterval(() => socket.write("x-slow: 1\r\n"), 100);
    socket.resume();
    await once(socket, "close");
    clearInterval(drops);
  });

  it("answers rubbish with 400 and closes", async () => {
    expect(await rawAnswer("\0\x01 rubbish\r\n\r\n")).toContain("400");
  });

  it("lets a client have only so many connections", async () => {
    const sockets = Array.from({ length: 12 }, () => connect(listening.port, "127.0.0.1"));
    let closed = 0;
    const enough = new Promise<void>((resolve) => {
      for (const socket of sockets) {
        socket.on("error", () => undefined);
        socket.once("close", () => {
          closed += 1;
          if (closed === 4) resolve();
        });
      }
    });
    await enough;
    for (const socket of sockets) socket.destroy();
    await Promise.all(sockets.map((socket) => socket.closed || once(socket, "close")));
    expect(await curl("--retry", "5", "--retry-all-errors", `${base}/health`)).toContain("healthy");
  });

  it("ends a download that is under way when it is closed", async () => {
    const child = spawn("curl", ["-sS", "--limit-rate", "8M", base + initrd]);
    const ended = once(child, "close");
    await once(child.stdout, "data");
    await listening.close();
    expect((await ended)[0]).not.toBe(0);
    expect(listening.status()).toBe("stopped");
  });
});
