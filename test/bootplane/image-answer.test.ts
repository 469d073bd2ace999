import { describe, expect, it } from "vitest";
import { answerImage } from "../../src/bootplane/image-answer.ts";

const etag = '"one"';
const image = { etag, sizeBytes: 100 };
const whole = { start: 0, end: 99 };
const some = { start: 10, end: 19 };
const range = "bytes=10-19";

describe("a request for an image of 100 octets", () => {
  it.each([
    ["GET", {}, 200, 100, whole],
    ["HEAD", {}, 200, 100, undefined],
    ["HEAD", { range }, 200, 100, undefined],
    ["GET", { range }, 206, 10, some],
    ["GET", { range: "bytes=0-1,5-6" }, 200, 100, whole],
    ["GET", { range: "bytes=100-" }, 416, 0, undefined],
    ["GET", { range, "if-range": etag }, 206, 10, some],
    ["GET", { range, "if-range": '"other"' }, 200, 100, whole],
    // RFC 9110 §13.1.5: compared strongly; a date never matches, for there is no Last-Modified.
    ["GET", { range, "if-range": `W/${etag}` }, 200, 100, whole],
    ["GET", { range, "if-range": "Sat, 29 Oct 1994 19:43:31 GMT" }, 200, 100, whole],
    ["GET", { range: "bytes=200-", "if-range": '"other"' }, 200, 100, whole],
    ["GET", { "if-none-match": etag }, 304, undefined, undefined],
    ["HEAD", { "if-none-match": etag }, 304, undefined, undefined],
    ["GET", { "if-none-match": `"two", W/${etag}` }, 304, undefined, undefined],
    ["GET", { "if-none-match": "*" }, 304, undefined, undefined],
    ["GET", { "if-none-match": '"two"', range }, 206, 10, some],
    ["GET", { "if-match": `"two", ${etag}`, range }, 206, 10, some],
    ["GET", { "if-match": "*" }, 200, 100, whole],
    ["GET", { "if-match": '"two"', range }, 412, 0, undefined],
    ["HEAD", { "if-match": '"two"' }, 412, 0, undefined],
    // RFC 9110 §13.1.1: compared strongly. §13.2.2: asked before If-None-Match.
    ["GET", { "if-match": `W/${etag}` }, 412, 0, undefined],
    ["GET", { "if-match": '"two"', "if-none-match": etag }, 412, 0, undefined],
    ["GET", { "if-match": etag, "if-none-match": etag }, 304, undefined, undefined],
  ])("%s %j is answered %i with %s octets", (method, headers, status, length, part) => {
    const answer = answerImage({ method, headers }, image);
    expect([answer.status, answer.headers["content-length"], answer.part]).toEqual([
      status,
      length,
      part,
    ]);
    expect(answer.headers).toMatchObject({ etag, "accept-ranges": "bytes" });
  });

  it("says which octets it sends, and what there is when it has none of them", () => {
    const contentRange = (text: string) =>
      answerImage({ method: "GET", headers: { range: text } }, image).headers["content-range"];
    expect(contentRange(range)).toBe("bytes 10-19/100");
    expect(contentRange("bytes=-1")).toBe("bytes 99-99/100");
    expect(contentRange("bytes=100-")).toBe("bytes */100");
    expect(contentRange("bytes=0-1,5-6")).toBeUndefined();
  });
});
