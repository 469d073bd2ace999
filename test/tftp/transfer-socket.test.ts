import { describe, expect, it } from "vitest";
import type { Ipv4 } from "../../src/net/ipv4.ts";
import type { Libc } from "../../src/net/libc.ts";
import { encodeData } from "../../src/tftp/packet.ts";
import { TransferSocket } from "../../src/tftp/transfer-socket.ts";

const source = "127.0.0.1" as Ipv4;
const peer = { address: "127.0.0.2" as Ipv4, port: 2070 };

// Which port is shared by whom is tried with real sockets, in server.test.ts.
const solSocket = 1;

/** A system that writes down what is sent, and refuses what `refuses` names an error for. */
function system(refuses: (length: number) => string | undefined, segmentation = true) {
  const sent: number[] = [];
  const segments: number[] = [];
  let error = "";
  const libc: Partial<Libc> = {
    socket: () => 7,
    bind: () => 0,
    connect: () => 0,
    getsockname: () => 0,
    setsockopt: (_fd, level, _name, value) => {
      if (level === solSocket) return 0;
      segments.push(value.readInt32LE());
      return segmentation ? 0 : -1;
    },
    sendto: (_fd, _data, length) => {
      error = refuses(length) ?? "";
      if (error !== "") return -1;
      sent.push(length);
      return length;
    },
    lastError: () => error,
  };
  const socket = new TransferSocket(libc as Libc, source, peer);
  return { socket, sent, segments };
}

const window = (count: number, bytes: number) =>
  Array.from({ length: count }, (_, index) =>
    encodeData(index + 1, Buffer.alloc(index === count - 1 ? 1 : bytes)),
  );

describe("a window", () => {
  it("leaves in one call, whose segments the system is told once", () => {
    const { socket, sent, segments } = system(() => undefined);
    expect(socket.send(window(16, 1468))).toBeUndefined();
    socket.send(window(16, 1468));
    expect(sent).toEqual([15 * 1472 + 5, 15 * 1472 + 5]);
    expect(segments).toEqual([1472]);
  });

  it("leaves in as few calls as UDP's longest datagram allows", () => {
    const { socket, sent } = system(() => undefined);
    socket.send(window(64, 1468));
    expect(sent).toEqual([44 * 1472, 19 * 1472 + 5]);
  });

  it.each([
    ["the system knows no segments", () => undefined, false, [8196]],
    [
      "the blocks don't fit into a frame",
      (length: number) => (length > 8196 ? "EMSGSIZE" : undefined),
      true,
      [8196, 0],
    ],
  ])("leaves block by block when %s, and from then on", (_, refuses, segmentation, told) => {
    const { socket, sent, segments } = system(refuses, segmentation);
    for (const round of [1, 2]) {
      expect(socket.send(window(3, 8192))).toBeUndefined();
      expect(sent).toHaveLength(3 * round);
    }
    expect(sent.slice(0, 3)).toEqual([8196, 8196, 5]);
    expect(segments).toEqual(told);
  });

  it("is lost as on the wire when the system has no room for it", () => {
    const { socket, sent, segments } = system((length) => (length > 100 ? "EAGAIN" : undefined));
    expect(socket.send(window(4, 1468))).toBeUndefined();
    expect(sent).toEqual([]);
    expect(segments).toEqual([1472]);
  });
});

it("a datagram that the system refuses is told with its reason", () => {
  const { socket } = system(() => "ENETUNREACH");
  expect(socket.send(window(1, 1468))).toBe("ENETUNREACH");
});

it("a datagram is sent all the same when the system brings the refusal of an earlier one", () => {
  let refusals = 1;
  const { socket, sent } = system(() => (refusals-- > 0 ? "ECONNREFUSED" : undefined));
  expect(socket.send(window(1, 1468))).toBeUndefined();
  expect(sent).toEqual([5]);
});

it("a client whose port is closed is lost as on the wire", () => {
  const { socket, sent } = system(() => "ECONNREFUSED");
  expect(socket.send(window(1, 1468))).toBeUndefined();
  expect(sent).toEqual([]);
});
