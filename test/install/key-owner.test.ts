import { expect, test } from "vitest";
import { keyOwners, refuseKeyOwner } from "../../src/install/key-owner.ts";

test("a key that is root's is given to nobody", () => {
  expect(keyOwners("node-with-a-long-name", "0:0")).toEqual([]);
  expect(keyOwners("node01", "400:401")).toEqual([
    ["/etc/nixos/secrets/node01-key.pem", "400:401"],
  ]);
});

test.each([
  ["node0001", "400:401", undefined],
  ["node-0001", "400:401", /pki\.keyOwner is 400:401, .*secrets\/node-0001-key\.pem of node/],
  ["node-with-a-long-name", "0:0", undefined],
])("the key of %s for %s is refused: %s", (node, owner, expected) => {
  const refused = refuseKeyOwner(node, owner);
  if (expected === undefined) expect(refused).toBeUndefined();
  else expect(refused?.reason).toMatch(expected);
});
