import { describe, expect, it } from "vitest";
import { entryOf, formatManifest, parseManifest, textOf } from "../../src/generate/manifest.ts";

const entry = entryOf("hosts", "127.0.0.1 localhost\n");

describe("the manifest of a tree", () => {
  it("is read as it was written, in the order of its paths", () => {
    const manifest = new Map([
      ["dns/hosts", entry],
      ["a", entryOf("dns", "")],
    ]);
    const read = parseManifest(formatManifest(manifest));
    expect(read).toEqual(new Map([...manifest].toReversed()));
    expect("malformed" in read ? [] : [...read.keys()]).toEqual(["a", "dns/hosts"]);
  });

  it("has the text that was written", () => {
    expect(textOf(entry)).toBe("127.0.0.1 localhost\n");
  });

  it.each([
    ["not deflated", "AAAA!"],
    ["of another file", entryOf("hosts", "other").deflated],
    ["empty", ""],
  ])("has no text where what it keeps is %s", (_what, deflated) => {
    expect(textOf({ ...entry, deflated })).toBeUndefined();
  });

  it.each([
    ["no JSON", "{", "it is not JSON"],
    ["another version", '{"version":2,"files":{}}', "version: "],
    [
      "a checksum that is none",
      '{"version":1,"files":{"a":{"by":"x","sha256":"1","deflated":""}}}',
      "files.a.sha256: ",
    ],
    [
      "a path out of the tree",
      JSON.stringify({ version: 1, files: { "../x": entry } }),
      'it names "../x": it leads out of the tree',
    ],
    ["a key nobody knows", '{"version":1,"files":{},"more":1}', ""],
  ])("is refused with %s", (_what, text, why) => {
    expect(parseManifest(text)).toEqual({ malformed: expect.stringContaining(why) });
  });
});
