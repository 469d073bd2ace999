import { randomBytes } from "node:crypto";
import {
  chmodSync,
  existsSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { isAuthorized, loadOrCreateToken, readToken } from "../../src/api/token.ts";

let directory: string;
let file: string;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "rackstrap-token-"));
  file = join(directory, "api-token");
});

afterEach(() => rmSync(directory, { recursive: true }));

describe("loadOrCreateToken", () => {
  it("makes 256 random bits that only the owner can read", () => {
    const token = loadOrCreateToken(directory, (size) => Buffer.alloc(size, 0xff));
    expect(Buffer.from(token.reveal(), "base64url")).toEqual(Buffer.alloc(32, 0xff));
    expect(statSync(file).mode & 0o777).toBe(0o600);
    expect(readFileSync(file, "utf8")).toBe(`${token.reveal()}\n`);
    expect(existsSync(`${file}.new`)).toBe(false);
  });

  it("keeps the token over a restart", () => {
    const first = loadOrCreateToken(directory, randomBytes);
    expect(loadOrCreateToken(directory, randomBytes).reveal()).toBe(first.reveal());
  });

  it("starts over when a crash left an unfinished file", () => {
    writeFileSync(`${file}.new`, "half");
    const token = loadOrCreateToken(directory, randomBytes);
    expect(readToken(file, "").reveal()).toBe(token.reveal());
  });

  it("refuses a file that others can read", () => {
    loadOrCreateToken(directory, randomBytes);
    chmodSync(file, 0o640);
    expect(() => loadOrCreateToken(directory, randomBytes)).toThrow(`chmod 600 ${file}`);
  });

  it.each(["", "short\n", `${"a".repeat(44)}\n`])("refuses the damaged content %j", (content) => {
    writeFileSync(file, content, { mode: 0o600 });
    expect(() => loadOrCreateToken(directory, randomBytes)).toThrow(
      `${file} holds no token: delete it and start the server again`,
    );
  });
});

describe("isAuthorized", () => {
  it("takes the scheme in any case", () => {
    const token = loadOrCreateToken(directory, randomBytes);
    expect(isAuthorized(token, `bearer ${token.reveal()}`)).toBe(true);
    expect(isAuthorized(token, `Bearer ${token.reveal()} x`)).toBe(false);
  });
});
