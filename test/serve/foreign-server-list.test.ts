import { expect, test } from "vitest";
import type { Ipv4 } from "../../src/net/ipv4.ts";
import { createForeignServerList } from "../../src/serve/foreign-server-list.ts";

const address = (last: number) => `10.0.100.${last}` as Ipv4;

test("a server is known on the interface it was heard on for five minutes after it was last heard", () => {
  let nowMs = 1_000;
  const servers = createForeignServerList(() => nowMs);
  servers.note(address(2), "eth0");
  nowMs += 60_000;
  servers.note(address(3), "eth0");
  servers.note(address(2), "eth0");
  servers.note(address(2), "eth1");
  expect(servers.list()).toEqual([
    { address: address(3), interface: "eth0", lastHeardMs: 61_000 },
    { address: address(2), interface: "eth0", lastHeardMs: 61_000 },
    { address: address(2), interface: "eth1", lastHeardMs: 61_000 },
  ]);
  nowMs += 299_999;
  expect(servers.list()).toHaveLength(3);
  nowMs += 1;
  expect(servers.list()).toEqual([]);
});

test("whoever makes servers up fills no memory", () => {
  const servers = createForeignServerList(() => 0);
  for (let last = 1; last < 255; last++) servers.note(address(last), "eth0");
  expect(servers.list()).toHaveLength(64);
  expect(servers.list().at(-1)?.address).toBe(address(254));
});
