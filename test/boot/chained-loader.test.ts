import { expect, test } from "vitest";
import { createChainedLoaders } from "../../src/boot/chained-loader.ts";
import type { Mac } from "../../src/net/mac.ts";

const mac = "52:54:00:12:34:56" as Mac;
/** `heard`: a REQUEST to the server that gives the addresses, which is not answered here. */
type Message = readonly [type: "DISCOVER" | "REQUEST" | "heard", xid: number, atSeconds: number];

/** What each message of one machine is answered with. */
function answers(messages: readonly Message[]): string {
  const loaders = createChainedLoaders();
  return messages
    .flatMap(([messageType, xid, at]) => {
      if (messageType === "heard") loaders.heardRequest(mac);
      return messageType === "heard" ? [] : loaders.next({ mac, xid, messageType }, at * 1000);
    })
    .join(" ");
}

test.each<[string, readonly Message[], string]>([
  [
    "the card's iPXE gets the loader, and the loader the script",
    [
      ["DISCOVER", 1, 0],
      ["REQUEST", 1, 1],
      ["DISCOVER", 2, 5],
      ["REQUEST", 2, 6],
    ],
    "loader loader script script",
  ],
  [
    "builds that use the same transaction id are told apart all the same",
    [
      ["DISCOVER", 1, 0],
      ["REQUEST", 1, 1],
      ["DISCOVER", 1, 5],
      ["REQUEST", 1, 6],
    ],
    "loader loader script script",
  ],
  [
    "a repeated question has the same answer",
    [
      ["DISCOVER", 1, 0],
      ["DISCOVER", 1, 1],
      ["REQUEST", 1, 2],
      ["REQUEST", 1, 3],
    ],
    "loader loader loader loader",
  ],
  [
    "beside a server that gives the addresses, where no REQUEST is seen",
    [
      ["DISCOVER", 1, 0],
      ["DISCOVER", 1, 1],
      ["DISCOVER", 2, 5],
      ["DISCOVER", 2, 6],
      ["DISCOVER", 3, 90],
    ],
    "loader loader script script loader",
  ],
  [
    "beside a server that gives the addresses, with one transaction id for all, on port 67 alone",
    [
      ["DISCOVER", 1, 0],
      ["DISCOVER", 1, 1],
      ["heard", 1, 2],
      ["DISCOVER", 1, 7],
      ["heard", 1, 8],
      ["DISCOVER", 1, 60],
    ],
    "loader loader script loader",
  ],
  [
    "beside a server that gives the addresses, with one transaction id for all, on ports 67 and 4011",
    [
      ["DISCOVER", 1, 0],
      ["heard", 1, 1],
      ["REQUEST", 1, 2],
      ["DISCOVER", 1, 7],
      ["heard", 1, 8],
      ["REQUEST", 1, 9],
    ],
    "loader loader script script",
  ],
  [
    "where no REQUEST is heard at all, one transaction id goes round a few times at most",
    [0, 4, 8, 12, 16, 20, 24].map((at): Message => ["DISCOVER", 1, at]),
    "loader loader loader loader loader script script",
  ],
  [
    "a REQUEST that is heard of a machine without a run changes nothing",
    [
      ["heard", 1, 0],
      ["DISCOVER", 1, 1],
    ],
    "loader",
  ],
  [
    "the next boot begins with the loader again, however soon",
    [
      ["DISCOVER", 1, 0],
      ["REQUEST", 1, 1],
      ["DISCOVER", 2, 5],
      ["REQUEST", 2, 6],
      ["DISCOVER", 3, 9],
    ],
    "loader loader script script loader",
  ],
  [
    "a machine that was switched off between the two begins anew after two minutes",
    [
      ["DISCOVER", 1, 0],
      ["REQUEST", 1, 1],
      ["DISCOVER", 2, 120],
    ],
    "loader loader loader",
  ],
  [
    "a request to a boot server belongs to the run, whatever its transaction id",
    [
      ["DISCOVER", 1, 0],
      ["REQUEST", 1, 1],
      ["REQUEST", 0, 2],
      ["DISCOVER", 2, 3],
    ],
    "loader loader loader script",
  ],
])("%s", (_, messages, expected) => {
  expect(answers(messages)).toBe(expected);
});

test("a loader that never asks, or an endless row of iPXEs, gets the script at least every second time", () => {
  const messages = Array.from({ length: 20 }, (_, xid): Message => ["DISCOVER", xid, xid]);
  expect(answers(messages)).toBe(Array.from({ length: 10 }, () => "loader script").join(" "));
});

test("each machine has a turn of its own", () => {
  const loaders = createChainedLoaders();
  const discover = { xid: 1, messageType: "DISCOVER" };
  expect(loaders.next({ mac, ...discover }, 0)).toBe("loader");
  expect(loaders.next({ mac: "52:54:00:12:34:57" as Mac, ...discover }, 1)).toBe("loader");
});
