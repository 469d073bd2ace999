import { expect, test } from "vitest";
import { createChainedLoaders } from "../../src/boot/chained-loader.ts";
import type { Mac } from "../../src/net/mac.ts";

const mac = "52:54:00:12:34:56" as Mac;
type Message = readonly [type: "DISCOVER" | "REQUEST", xid: number, atSeconds: number];

/** What each message of one machine is answered with. */
function answers(messages: readonly Message[]): string {
  const loaders = createChainedLoaders();
  return messages
    .map(([messageType, xid, at]) => loaders.next({ mac, xid, messageType }, at * 1000))
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
