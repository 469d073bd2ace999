import { expect, test } from "vitest";
import { isDiskFull } from "../../src/net/disk-full.ts";

const failure = (code: string) => Object.assign(new Error(code), { code });
const wrapped = new Error("known_hosts can't be written", {
  cause: new Error("again", { cause: failure("ENOSPC") }),
});
const endless = new Error("endless");
endless.cause = endless;

test.each<[string, unknown, boolean]>([
  ["a file system without room", failure("ENOSPC"), true],
  ["a quota that is used up", failure("EDQUOT"), true],
  ["a store without room", failure("SQLITE_FULL"), true],
  ["the same behind other errors", wrapped, true],
  ["a disk that fails", failure("EIO"), false],
  ["an error that is its own cause", endless, false],
  ["a word alone", "ENOSPC", false],
])("%s: whether the disk is full is told", (_, error, expected) => {
  expect(isDiskFull(error)).toBe(expected);
});
