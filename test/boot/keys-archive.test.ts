import { gunzipSync } from "node:zlib";
import { describe, expect, it } from "vitest";
import { keysArchive } from "../../src/boot/keys-archive.ts";

const key = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGrZ operator@example.com";

describe("the keys archive", () => {
  it("holds the keys, their directory and a .json, all numbers in the newc layout", () => {
    const octets = gunzipSync(keysArchive(`# who\n\n  ${key}  \r\n`)).toString("latin1");
    expect(
      octets
        .split("070701")
        .slice(1)
        .map((entry) => entry.slice(8, 16)),
    ).toEqual(["000041ed", "00008180", "000081a4", "00000000"]);
    expect(octets).toContain(`ssh/authorized_keys\0\0\0${key}\n`);
    expect(octets).toContain("rackstrap.json\0");
    expect(octets).toContain("TRAILER!!!\0");
    expect(octets.length % 4).toBe(0);
  });

  it("is the same for the same keys", () => {
    expect(keysArchive(key)).toEqual(keysArchive(`${key}\n`));
  });

  it.each([
    ["nothing", "\n# only a comment\n", "authorized_keys has no key"],
    [
      "a private key",
      `-----BEGIN OPENSSH PRIVATE KEY-----\nb3BlbnNz\n`,
      "key 1 is no SSH public key",
    ],
    ["a second line that is no key", `${key}\nhello`, "key 2 is no SSH public key"],
  ])("is not made of %s", (_, text, message) => {
    expect(() => keysArchive(text)).toThrow(message);
  });
});
