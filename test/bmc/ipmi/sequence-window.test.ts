import { expect, test } from "vitest";
import { createSequenceWindow } from "../../../src/bmc/ipmi/sequence-window.ts";

test.each<[string, readonly number[], readonly boolean[]]>([
  ["numbers in order are taken", [1, 2, 3], [true, true, true]],
  ["a number is taken once", [1, 1, 2, 1], [true, false, true, false]],
  ["0 never", [0, 1, 0], [false, true, false]],
  ["a number that was overtaken is taken once", [1, 4, 2, 3, 2], [true, true, true, true, false]],
  ["15 ahead is taken, 16 not", [1, 16, 32, 31], [true, true, false, true]],
  ["16 behind is taken, 17 not", [20, 35, 19, 18], [true, true, true, false]],
  ["numbers begin anew after the last", [0xffff_ffff, 1, 0xffff_fffe], [true, true, true]],
])("%s", (_what, sequences, taken) => {
  const window = createSequenceWindow();
  expect(sequences.map((sequence) => window.accept(sequence))).toEqual(taken);
});
