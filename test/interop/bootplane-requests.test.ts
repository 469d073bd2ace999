// Ill-formed, hostile and unusual requests against the boot plane's real listener, octet for octet. Traffic on loopback only.

import { once } from "node:events";
import { connect } from "node:net";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Listening, listenBootPlane } from "../../src/bootplane/listen.ts";
import type { Ipv4 } from "../../src/net/ipv4.ts";
import { armedMac, type TestBootPlane, testBootPlane } from "../fakes/boot-plane.ts";

const kernel = "/boot/nixos/control-plane/bzImage";

let plane: TestBootPlane;
let listening: Listening;

beforeAll(async () => {
  plane = await testBootPlane({}, { requestTimeoutMs: 2_000 });
  listening = await listenBootPlane(plane, "127.0.0.1" as Ipv4, 0);
});
afterAll(() => plane?.close());

interface Answer {
  readonly status: number;
  readonly head: string;
  readonly body: string;
}

/** All that the server says to these octets before it closes the connection. */
async function say(octets: string): Promise<string> {
  const socket = connect(listening.port, "127.0.0.1");
  let said = "";
  socket.setEncoding("latin1").on("data", (text: string) => {
    said += text;
  });
  socket.on("error", () => undefined);
  socket.write(Buffer.from(octets, "latin1"));
  await once(socket, "close");
  return said;
}

function split(said: string): Answer {
  const [head = "", ...rest] = said.split("\r\n\r\n");
  const status = Number(/^HTTP\/1\.1 (\d{3}) /.exec(head)?.[1]);
  return { status, head: head.toLowerCase(), body: rest.join("\r\n\r\n") };
}

const request = (target: string, headers = "", line = `GET ${target} HTTP/1.1`) =>
  `${line}\r\nHost: boot\r\nConnection: close\r\n${headers}\r\n`;

describe("a path", () => {
  it.each([
    "/",
    "/boot",
    "/boot/",
    "/boot/nixos/",
    "/boot/nixos/control-plane",
    "/boot/nixos/control-plane/",
    "/boot/../../etc/passwd",
    "/boot/nixos/control-plane/../../../../etc/passwd",
    "/boot/%2e%2e/%2e%2e/etc/passwd",
    "/boot/nixos/control-plane/..%2f..%2f..%2fetc%2fpasswd",
    "/boot/nixos/control-plane/%2e%2e%2fipxe.efi",
    "/boot/nixos/control-plane/..%5c..%5cipxe.efi",
    "/boot/nixos/control-plane\\bzImage",
    "/boot/..\\..\\etc\\passwd",
    "/boot/ipxe.efi%00",
    "/boot/ipxe.efi%00.txt",
    "/boot/ipxe.efi/",
    "/boot/%69pxe.efi/x",
    "/boot/nixos/constructor/initrd",
    "//boot/ipxe.efi",
    "//etc/passwd",
    "/boot/%zz",
    "/boot/%c0%ae%c0%ae/passwd",
    "http://boot/../etc/passwd",
    "http://boot",
    "file:///etc/passwd",
    "*",
  ])("%s leads nowhere, without detail", async (target) => {
    const { status, body } = split(await say(request(target)));
    expect([status, body]).toEqual([404, "not found\n"]);
  });

  it.each([
    `http://boot${kernel}`,
    `http://192.0.2.1:99${kernel}`,
    `${kernel}?`,
    "/boot/nixos/control-plane/%62zImage",
  ])("%s leads to the kernel", async (target) => {
    const { status, head } = split(await say(request(target)));
    expect(status).toBe(200);
    expect(head).toContain("content-length: 700000");
  });
});

describe("a request", () => {
  const chunked = "Transfer-Encoding: chunked\r\n";
  it.each([
    ["with a NUL in its target", request("/boot/ipxe.efi\0"), 400],
    ["with a NUL in a header", request("/health", "x: a\0b\r\n"), 400],
    ["of 20,000 octets in its target", request(`/${"a".repeat(20_000)}`), 431],
    ["with 3,000 headers", request("/health", "x-header: 1\r\n".repeat(3000)), 431],
    ["with one header of 20,000 octets", request("/health", `x: ${"a".repeat(20_000)}\r\n`), 431],
    ["without Host", "GET /health HTTP/1.1\r\nConnection: close\r\n\r\n", 400],
    ["with two lengths", request("/health", "Content-Length: 0\r\nContent-Length: 5\r\n"), 400],
    ["with a length and a coding", request("/health", `Content-Length: 5\r\n${chunked}`), 400],
    ["with a space before a colon", request("/health", "Content-Length : 5\r\n"), 400],
    ["with a signed length", request("/health", "Content-Length: +5\r\n"), 400],
    ["of HTTP/9.9", request("", "", "GET /health HTTP/9.9"), 400],
    ["of an unknown method", request("", "", "BREW /health HTTP/1.1"), 400],
    ["for the server as a whole", request("", "", "OPTIONS * HTTP/1.1"), 404],
    ["to write", request("", "", "PUT /boot/ipxe.efi HTTP/1.1"), 404],
    ["to trace", request("", "", "TRACE /health HTTP/1.1"), 404],
  ])("%s is refused", async (_, octets, status) => {
    const answer = split(await say(octets));
    expect(answer.status).toBe(status);
    expect(answer.body).not.toMatch(/rackstrap|node_modules|Error:/);
  });

  it("to be a tunnel gets no answer", async () => {
    expect(await say(request("", "", "CONNECT 127.0.0.1:22 HTTP/1.1"))).toBe("");
  });

  it.each([
    ["Content-Length: 45\r\n", ""],
    [chunked, "2d\r\n"],
  ])("cannot be hidden in another's body (%j)", async (headers, before) => {
    const hidden = "GET /boot/ipxe.efi HTTP/1.1\r\nHost: boot\r\n\r\n";
    const said = await say(
      `GET /health HTTP/1.1\r\nHost: boot\r\n${headers}\r\n${before}${hidden}`,
    );
    expect(said.match(/HTTP\/1\.1 \d+/g)).toEqual(["HTTP/1.1 404"]);
  });

  it("with a body that never comes is answered and closed", async () => {
    const said = await say(
      "POST /health HTTP/1.1\r\nHost: boot\r\nContent-Length: 999999999\r\n\r\n",
    );
    expect(split(said)).toMatchObject({ status: 404, body: "not found\n" });
  });

  it("of HTTP/1.0 is answered with its length, and the connection closed", async () => {
    const { status, head, body } = split(await say(`GET ${kernel} HTTP/1.0\r\n\r\n`));
    expect([status, body.length]).toEqual([200, 700_000]);
    expect(head).toContain("content-length: 700000");
    expect(head).toContain("connection: close");
    expect(head).not.toContain("transfer-encoding");
  });
});

describe("several requests on one connection", () => {
  it("are answered in their order when they come all at once, up to a download, which is the last", async () => {
    const many = [
      `HEAD ${kernel} HTTP/1.1\r\nHost: boot\r\n\r\n`,
      "GET /none HTTP/1.1\r\nHost: boot\r\n\r\n",
      `GET ${kernel} HTTP/1.1\r\nHost: boot\r\nRange: bytes=700000-\r\n\r\n`,
      `GET ${kernel} HTTP/1.1\r\nHost: boot\r\nRange: bytes=0-5\r\n\r\n`,
      request("/health"),
    ];
    const said = await say(many.join(""));
    expect(said.match(/HTTP\/1\.1 \d+/g)).toEqual([200, 404, 416, 206].map((s) => `HTTP/1.1 ${s}`));
    expect(said).toMatch(/connection: close\r\n[\s\S]*\r\n\r\nkernel$/i);
  });

  it("may be for one download only", async () => {
    const initrd = "/boot/nixos/control-plane/initrd";
    const asked = `GET ${initrd} HTTP/1.1\r\nHost: boot\r\n\r\n`;
    const said = await say(asked.repeat(20));
    expect(said.match(/HTTP\/1\.1 \d+/g)).toEqual(["HTTP/1.1 200"]);
    expect(split(said).body.length).toBe(1_300_001);
    // The downloads of the tests before may be told as late as now.
    const told = () => plane.events.filter((event) => "file" in event && event.file === "initrd");
    await expect.poll(told).toMatchObject([{ outcome: "complete" }]);
  });

  it("may come while the download flows, and cost none of its octets", async () => {
    const socket = connect(listening.port, "127.0.0.1");
    let octets = 0;
    socket.on("data", (chunk: Buffer) => {
      octets += chunk.length;
      socket.write("GET /health HTTP/1.1\r\nHost: boot\r\n\r\n");
    });
    socket.on("error", () => undefined);
    socket.write("GET /boot/nixos/control-plane/initrd HTTP/1.1\r\nHost: boot\r\n\r\n");
    await once(socket, "end");
    expect(octets).toBeGreaterThan(1_300_001);
  });

  it("end with the client's half of the connection: what was asked before still comes", async () => {
    const socket = connect({ port: listening.port, host: "127.0.0.1", allowHalfOpen: true });
    let said = "";
    socket.setEncoding("latin1").on("data", (text: string) => {
      if (said === "") socket.end();
      said += text;
    });
    socket.write(`GET ${kernel} HTTP/1.1\r\nHost: boot\r\n\r\n`);
    await once(socket, "end");
    expect(split(said).body.length).toBe(700_000);
  });

  it("end with it: a download that waits behind another answer is told as cut", async () => {
    const waiting = await testBootPlane();
    const { port } = await listenBootPlane(waiting, "127.0.0.1" as Ipv4, 0);
    try {
      const asked = Promise.withResolvers<void>();
      // The script is never made.
      waiting.assets.recent = () => {
        asked.resolve();
        return new Promise(() => undefined);
      };
      const socket = connect(port, "127.0.0.1");
      const script = `GET /boot/nodes/${armedMac}/boot.ipxe HTTP/1.1\r\nHost: boot\r\n\r\n`;
      socket.write(script + request(kernel));
      await asked.promise;
      socket.destroy();
      await expect
        .poll(() => waiting.events)
        .toMatchObject([{ file: "bzImage", outcome: "cut", bytes: 0 }]);
    } finally {
      await waiting.close();
    }
  });
});
