import { expect, test } from "vitest";
import { fuzzTftp } from "../fuzz/tftp.ts";

test("hostile datagrams, 100,000 of them, bring no wrong answer, no exception and no growth", {
  timeout: 120_000,
}, () => {
  const { failures, counts, growthBytes } = fuzzTftp({ seed: 20260101, packets: 100_000 });
  expect(failures).toEqual([]);
  expect(growthBytes).toBeLessThan(20 * 1024 * 1024);
  // They reach every end and every packet.
  const kinds = [
    ...["begun", "refused", "malformed", "ACK", "nobody's"],
    ...["completed", "failed", "aborted-by-client", "timed-out"],
  ];
  expect(Object.keys(counts)).toEqual(expect.arrayContaining(kinds));
});
