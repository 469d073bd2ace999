import { expect, test } from "vitest";
import { judgeDocument, type Standing, wrongAddress } from "../../src/boot/access.ts";
import type { Decision } from "../../src/boot/decide.ts";
import { installNonce, isNonce } from "../../src/boot/nonce.ts";
import type { Mac } from "../../src/net/mac.ts";
import { exampleInventory } from "../fakes/rack.ts";

const [node] = exampleInventory().nodes;
if (node === undefined) throw new Error("the example site declares no node");
const { mac } = node;
const other = "52:54:00:99:99:99" as Mac;
const address = "10.0.100.50";

const nonceOf = (intentId: string) => installNonce("key", intentId);
const armed: Decision = {
  boot: { kind: "installer", node, intentId: "intent-1", operation: "op-1" },
  reason: "armed",
};
const resting: Decision = {
  boot: { kind: "local-disk" },
  reason: "node node01 is active, not armed",
};
const own: Standing = { kind: "given", to: mac };

test.each<[string, Standing, string | undefined]>([
  ["its own by reservation or lease", own, undefined],
  ["another machine's", { kind: "given", to: other }, `${address} is the address of ${other}`],
  ["nobody's", { kind: "not-given" }, `${address} was given to no machine by DHCP`],
  [
    "another server's to give, and was not asked for",
    { kind: "not-heard" },
    `no machine was heard to ask for ${address}, and another server gives the addresses there: let its DHCP requests reach this server too`,
  ],
])("an address that is %s", (_, standing, reason) => {
  expect(wrongAddress({ mac, address, standing })).toBe(reason);
});

const right = nonceOf("intent-1");

test.each<[string, Decision, Standing, string | undefined, string | undefined]>([
  ["the right nonce from the right address", armed, own, right, undefined],
  [
    "the right nonce behind proxyDHCP from an address that was not asked for",
    armed,
    { kind: "not-heard" },
    right,
    "no machine was heard",
  ],
  [
    "the right nonce from another address",
    armed,
    { kind: "given", to: other },
    right,
    "is the address of",
  ],
  [
    "the right nonce from nobody's address",
    armed,
    { kind: "not-given" },
    right,
    "was given to no machine",
  ],
  ["no nonce", armed, own, undefined, "carries no nonce"],
  ["an empty nonce", armed, own, "", "not this install's"],
  ["the nonce of an earlier install", armed, own, nonceOf("intent-0"), "not this install's"],
  ["a part of the nonce", armed, own, right.slice(0, -1), "not this install's"],
  ["the right nonce when nothing is armed any more", resting, own, right, "is active, not armed"],
])("a document asked for with %s", (_, decision, standing, offered, refused) => {
  const access = judgeDocument({ mac, address, standing }, decision, nonceOf, offered);
  expect(access).toEqual(
    refused === undefined ? { granted: armed.boot } : { refused: expect.stringContaining(refused) },
  );
});

test("a nonce has 256 bits in letters that a URL and a script take, and follows from key and intent alone", () => {
  expect(right).toMatch(/^[A-Za-z0-9_-]{43}$/);
  expect(nonceOf("intent-1")).toBe(right);
  expect(installNonce("another key", "intent-1")).not.toBe(right);
  expect([isNonce(right, right), isNonce(`${right}x`, right)]).toEqual([true, false]);
});
