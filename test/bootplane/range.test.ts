import { describe, expect, it } from "vitest";
import { parseRange } from "../../src/bootplane/range.ts";

describe("the Range header for 100 octets", () => {
  it.each([
    [undefined, "whole"],
    ["bytes=0-9", { start: 0, end: 9 }],
    ["bytes=90-", { start: 90, end: 99 }],
    ["bytes=-10", { start: 90, end: 99 }],
    ["bytes=-1000", { start: 0, end: 99 }],
    ["bytes=50-1000", { start: 50, end: 99 }],
    ["bytes=99-99", { start: 99, end: 99 }],
    ["bytes=100-", "unsatisfiable"],
    ["bytes=-0", "unsatisfiable"],
    ["bytes=9-0", "whole"],
    ["bytes=0-1,3-4", "whole"],
    ["bytes=-", "whole"],
    ["bytes=a-b", "whole"],
    ["lines=0-9", "whole"],
    ["bytes=99999999999999999999-", "whole"],
  ])("%s asks for %j", (header, part) => {
    expect(parseRange(header, 100)).toEqual(part);
  });
});
