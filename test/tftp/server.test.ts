import { createSocket, type Socket } from "node:dgram";
import { performance } from "node:perf_hooks";
import { pino } from "pino";
import { afterEach, describe, expect, it } from "vitest";
import type { Ipv4 } from "../../src/net/ipv4.ts";
import { decodePacket, encodePacket, type TftpPacket } from "../../src/tftp/packet.ts";
import {
  createTftpServer,
  type TftpEvent,
  type TftpServer,
  type TftpServerOptions,
} from "../../src/tftp/server.ts";
import { heldFile } from "../fakes/held-file.ts";

const loopback = "127.0.0.1" as Ipv4;

interface Received {
  readonly packet: TftpPacket;
  readonly port: number;
}

/** A client on loopback that hands out what it received, in order. */
class Client {
  readonly socket: Socket = createSocket("udp4");
  readonly #received: Received[] = [];
  readonly #waiting: ((received: Received) => void)[] = [];

  constructor() {
    this.socket.on("message", (datagram, from) => {
      const received = { packet: decodePacket(datagram) as TftpPacket, port: from.port };
      const waiting = this.#waiting.shift();
      if (waiting === undefined) this.#received.push(received);
      else waiting(received);
    });
  }

  send(port: number, packet: TftpPacket): void {
    this.socket.send(encodePacket(packet), port, loopback);
  }

  next(): Promise<Received> {
    const first = this.#received.shift();
    return first === undefined
      ? new Promise((resolve) => this.#waiting.push(resolve))
      : Promise.resolve(first);
  }
}

function rrq(file: string, options: Record<string, string> = {}): TftpPacket {
  return { kind: "RRQ", file, mode: "octet", options: new Map(Object.entries(options)) };
}

const files = new Map([
  ["small", Buffer.from("small file")],
  ["large", Buffer.alloc(5_000, 7)],
]);

const open: { close(): unknown }[] = [];
afterEach(async () => {
  for (const thing of open.splice(0)) await thing.close();
});

function serverOptions(over: Partial<TftpServerOptions> = {}): TftpServerOptions {
  return {
    address: loopback,
    port: 0,
    files: async (name) => heldFile(files.get(name)),
    onEvent: () => undefined,
    onFault: (error) => {
      throw error;
    },
    now: () => performance.now(),
    logger: pino({ level: "silent" }),
    ...over,
  };
}

async function rack(options: Partial<TftpServerOptions> = {}) {
  const events: TftpEvent[] = [];
  const arrived: (() => void)[] = [];
  const onEvent = (event: TftpEvent) => {
    events.push(event);
    for (const resolve of arrived.splice(0)) resolve();
  };
  const server: TftpServer = createTftpServer(serverOptions({ onEvent, ...options }));
  const port = await server.start();
  open.push(server);
  const client = () => {
    const made = new Client();
    open.push({ close: () => made.socket.close() });
    return made;
  };
  const event = async (index: number): Promise<TftpEvent> => {
    while (events.length <= index) await new Promise<void>((resolve) => arrived.push(resolve));
    return events[index] as TftpEvent;
  };
  return { server, port, client, events, event };
}

describe("the TFTP server", () => {
  it("closes a socket that was handed over, also when it was never started", async () => {
    const socket = createSocket("udp4");
    const closed = new Promise<void>((resolve) => socket.once("close", resolve));
    await new Promise<void>((resolve) => socket.bind(0, loopback, resolve));
    await createTftpServer(serverOptions({ socket })).close();
    await closed;
  });

  it("serves a file from a port of its own and reports it", async () => {
    const { port, client, event, server } = await rack();
    const reader = client();
    reader.send(port, rrq("/small"));
    const { packet, port: transferPort } = await reader.next();
    expect(packet).toEqual({ kind: "DATA", block: 1, data: Buffer.from("small file") });
    expect(transferPort).not.toBe(port);
    reader.send(transferPort, { kind: "ACK", block: 1 });
    expect(await event(0)).toMatchObject({
      file: "small",
      client: loopback,
      bytes: 10,
      retries: 0,
      outcome: "completed",
    });
    expect(server.state()).toMatchObject({ service: "running", refused: 0 });
  });

  it.each([
    ["an unknown file", rrq("none"), 1],
    ["a way out of the tree", rrq("../etc/passwd"), 2],
    ["a write", { kind: "WRQ", file: "small", mode: "octet", options: new Map() }, 2],
    ["the mail mode", { kind: "RRQ", file: "small", mode: "mail", options: new Map() }, 4],
  ] as const)("answers %s with an ERROR and reports it", async (_, request, code) => {
    const { port, client, event } = await rack();
    const reader = client();
    reader.send(port, request as TftpPacket);
    expect((await reader.next()).packet).toMatchObject({ kind: "ERROR", code });
    expect((await event(0)).outcome).toBe(code === 1 ? "not-found" : "refused");
  });

  it("answers a file that cannot be read with ERROR 0", async () => {
    const { port, client } = await rack({ files: () => Promise.reject(new Error("disk")) });
    const reader = client();
    reader.send(port, rrq("small"));
    expect((await reader.next()).packet).toMatchObject({ kind: "ERROR", code: 0 });
  });

  it("answers a foreign port with ERROR 5 and goes on with the transfer", async () => {
    const { port, client, event } = await rack();
    const reader = client();
    const stranger = client();
    reader.send(port, rrq("small"));
    const { port: transferPort } = await reader.next();
    stranger.send(transferPort, { kind: "ACK", block: 1 });
    expect((await stranger.next()).packet).toMatchObject({ kind: "ERROR", code: 5 });
    reader.send(transferPort, { kind: "ACK", block: 1 });
    expect((await event(0)).outcome).toBe("completed");
  });

  it("answers DATA in a read with ERROR 4 before it ends", async () => {
    const { port, client, event } = await rack();
    const reader = client();
    reader.send(port, rrq("small"));
    const { port: transferPort } = await reader.next();
    reader.send(transferPort, { kind: "DATA", block: 1, data: Buffer.from("x") });
    expect((await reader.next()).packet).toMatchObject({ kind: "ERROR", code: 4 });
    expect((await event(0)).outcome).toBe("failed");
  });
});

it("logs once a minute that a file cannot be read", async () => {
  const logs: string[] = [];
  let nowMs = 0;
  const { port, client } = await rack({
    files: () => Promise.reject(new Error("disk")),
    now: () => nowMs,
    logger: pino({}, { write: (line: string) => void logs.push(line) }),
  });
  for (const atMs of [0, 1, 59_999, 60_000]) {
    nowMs = atMs;
    const reader = client();
    reader.send(port, rrq(`file-${atMs}`));
    await reader.next();
  }
  expect(logs).toEqual([expect.stringContaining("file-0"), expect.stringContaining("file-60000")]);
});

describe("a client that asks again", () => {
  it("takes a repeated request for one, and a new one from the same port for a fresh start", async () => {
    const { port, client, event } = await rack();
    const reader = client();
    reader.send(port, rrq("large"));
    reader.send(port, rrq("large"));
    await reader.next();
    reader.send(port, rrq("small"));
    expect((await event(0)).outcome).toBe("superseded");
    // No ERROR comes before it: the client could not tell which of its requests that is for.
    expect((await reader.next()).packet).toMatchObject({ data: Buffer.from("small file") });
  });

  it("takes a request that comes again after a while for a machine that was restarted", async () => {
    let now = 0;
    const { port, client, event } = await rack({ now: () => now });
    const reader = client();
    reader.send(port, rrq("large"));
    const first = await reader.next();
    now = 3_000;
    reader.send(port, rrq("large"));
    expect((await event(0)).outcome).toBe("superseded");
    const second = await reader.next();
    expect(second.packet).toEqual(first.packet);
    expect(second.port).not.toBe(first.port);
  });
});

describe("a request that comes again at the end of its transfer", () => {
  it("is served at once, though the thread's word of the end is still on its way", async () => {
    const { port, client, event } = await rack();
    for (const last of [
      { kind: "ACK", block: 1 },
      { kind: "ERROR", code: 8, message: "" },
    ] as const) {
      const reader = client();
      reader.send(port, rrq("small"));
      const first = await reader.next();
      reader.send(first.port, last);
      reader.send(port, rrq("small"));
      const again = await reader.next();
      expect(again.packet).toEqual(first.packet);
      expect(again.port).not.toBe(first.port);
    }
    expect([(await event(0)).outcome, (await event(1)).outcome]).toEqual([
      "completed",
      "aborted-by-client",
    ]);
  });
});

describe("what is malformed", () => {
  it("answers a request that is cut off with ERROR 4, and nothing else that is malformed", async () => {
    const { port, client, server } = await rack();
    const reader = client();
    for (const hex of ["0009", "", "00", "0005", "0004", "000161", "0001610062"])
      reader.socket.send(Buffer.from(hex, "hex"), port, loopback);
    for (const _ of [1, 2])
      expect((await reader.next()).packet).toMatchObject({ kind: "ERROR", code: 4 });
    reader.send(port, rrq("small"));
    expect((await reader.next()).packet).toMatchObject({ kind: "DATA" });
    expect(server.state()).toMatchObject({ malformed: 7 });
  });

  it("counts malformed packets and goes on", async () => {
    const { port, client, server } = await rack();
    const reader = client();
    reader.socket.send(Buffer.from([0, 99]), port, loopback);
    reader.send(port, rrq("small"));
    await reader.next();
    expect(server.state()).toMatchObject({ malformed: 1, service: "running" });
  });
});

describe("the TFTP server's limits", () => {
  it("does not answer when it serves as many as it may, so that the client asks again", async () => {
    const { port, client, server, event } = await rack({ limits: { maxTransfers: 1 } });
    const reader = client();
    reader.send(port, rrq("large"));
    const { port: transferPort } = await reader.next();
    const late = client();
    late.send(port, rrq("small"));
    expect(await event(0)).toMatchObject({ file: "small", outcome: "refused" });
    expect(server.state()).toMatchObject({ transfers: 1, refused: 1 });
    reader.send(transferPort, { kind: "ERROR", code: 0, message: "" });
    await event(1);
    late.send(port, rrq("small"));
    expect((await late.next()).packet).toMatchObject({ kind: "DATA", block: 1 });
  });

  it("gives the place of a client that has never answered to who comes after it", async () => {
    let now = 0;
    const { port, client, event } = await rack({ now: () => now, limits: { maxTransfers: 1 } });
    const gone = client();
    gone.send(port, rrq("large"));
    await gone.next();
    now = 2_000;
    const next = client();
    next.send(port, rrq("small"));
    expect((await next.next()).packet).toMatchObject({ kind: "DATA", block: 1 });
    expect(await event(0)).toMatchObject({ file: "large", outcome: "timed-out" });
  });

  it("refuses more transfers than a client may have", async () => {
    const { port, client, server } = await rack({ limits: { maxTransfersPerClient: 2 } });
    for (const reader of [client(), client()]) {
      reader.send(port, rrq("large"));
      await reader.next();
    }
    const third = client();
    third.send(port, rrq("large"));
    expect((await third.next()).packet).toMatchObject({ kind: "ERROR", code: 0 });
    expect(server.state()).toMatchObject({ transfers: 2, refused: 1 });
  });

  it("reports only so many refusals in a second", async () => {
    const { port, client, events, server } = await rack({
      limits: { refusalEventsPerSecond: 3 },
      now: () => 0,
    });
    const reader = client();
    for (let count = 0; count < 10; count += 1) {
      reader.send(port, rrq(`none${count}`));
      await reader.next();
    }
    expect(events.length).toBe(3);
    expect(server.state().refused).toBe(10);
  });

  it("tells running transfers when it is closed", async () => {
    const { port, client, server, event } = await rack();
    const reader = client();
    reader.send(port, rrq("large"));
    await reader.next();
    await server.close();
    expect((await reader.next()).packet).toMatchObject({ kind: "ERROR", code: 0 });
    expect((await event(0)).outcome).toBe("stopped");
    expect(server.state()).toMatchObject({ service: "stopped", transfers: 0 });
  });

  it("says why it cannot start on a taken port", async () => {
    const { port } = await rack();
    await expect(rack({ port })).rejects.toThrow("EADDRINUSE");
  });
});

it("does not answer when there is no room for the file, and serves it when the client asks again", async () => {
  let isFull = true;
  const { port, client, event, server } = await rack({
    files: async (name) => (isFull ? "full" : heldFile(files.get(name))),
  });
  const reader = client();
  reader.send(port, rrq("small"));
  expect(await event(0)).toMatchObject({ file: "small", outcome: "refused" });
  expect(server.state()).toMatchObject({ transfers: 0, refused: 1 });
  isFull = false;
  reader.send(port, rrq("small"));
  // Not an ERROR: the refusal was silent.
  expect((await reader.next()).packet).toMatchObject({ kind: "DATA", block: 1 });
});

it("a fault of the thread ends the service, and is told once", async () => {
  const faults: string[] = [];
  // A number that the thread can't reckon with.
  const maxBlksize = 1n as unknown as number;
  const { port, client, event, server } = await rack({
    limits: { maxBlksize },
    onFault: (error) => faults.push(error.message),
  });
  const reader = client();
  reader.send(port, rrq("small", { blksize: "1468" }));
  expect((await event(0)).outcome).toBe("failed");
  expect(server.state().service).toBe("failed");
  reader.send(port, rrq("small"));
  expect((await event(1)).outcome).toBe("failed");
  await server.close();
  expect(faults).toEqual([expect.stringMatching(/^TFTP on 127.0.0.1 has failed: .*BigInt/)]);
});
