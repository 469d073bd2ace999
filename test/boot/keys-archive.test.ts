import { gunzipSync } from "node:zlib";
import { describe, expect, it } from "vitest";
import { keysArchive } from "../../src/boot/keys-archive.ts";

const key = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGrZ operator@example.com";

const hostKey = { privateKey: "private half\n", publicKey: "public half\n" };

describe("the keys archive", () => {
  it("holds the keys, their directory and a .json, all numbers in the newc layout", () => {
    const octets = gunzipSync(keysArchive(`# who\n\n  ${key}  \r\n`, undefined)).toString("latin1");
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

  it("holds the installer's host key, the private half for its owner only", () => {
    const octets = gunzipSync(keysArchive(key, hostKey)).toString("latin1");
    const entry = (mode: string, name: string, data: string) =>
      new RegExp(`${mode}[0-9a-f]{88}${name}\0+${data}\n`);
    expect(octets).toMatch(entry("00008180", "ssh/ssh_host_ed25519_key", "private half"));
    expect(octets).toMatch(entry("000081a4", "ssh/ssh_host_ed25519_key.pub", "public half"));
  });

  it("is the same for the same keys", () => {
    expect(keysArchive(key, hostKey)).toEqual(keysArchive(`${key}\n`, hostKey));
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
    expect(() => keysArchive(text, undefined)).toThrow(message);
  });
});
