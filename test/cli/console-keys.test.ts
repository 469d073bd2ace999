import { expect, test } from "vitest";
import { createConsoleKeys } from "../../src/cli/console-keys.ts";

function typed(...pieces: readonly string[]): string[] {
  const keys = createConsoleKeys();
  return pieces
    .flatMap((piece) => keys.take(Buffer.from(piece, "latin1")))
    .map((one) => (one.kind === "send" ? one.data.toString("latin1") : `<${one.kind}>`));
}

test.each<[string, readonly string[], readonly string[]]>([
  ["what has no escape goes as it is", ["ls ~/x\x03\xff"], ["ls ~/x\x03\xff"]],
  ["~. ends, at the very beginning too", ["~."], ["<end>"]],
  ["~. after a return", ["exit\r~."], ["exit\r", "<end>"]],
  ["~. after a new line", ["exit\n~."], ["exit\n", "<end>"]],
  ["not in the middle of a line", ["a~."], ["a~."]],
  ["~~ is one, and what follows is no escape", ["~~.\r"], ["~.\r"]],
  ["~B and ~?", ["~B\r~?"], ["<break>", "\r", "<help>"]],
  ["another letter is typed with its ~", ["~x~."], ["~x~."]],
  ["in pieces", ["\r", "~", "."], ["\r", "<end>"]],
  ["nothing is sent behind the end", ["~.rm -rf /\r"], ["<end>"]],
  ["a ~ alone waits for what follows", ["~"], []],
  ["a return behind a ~ begins a line", ["~\r~."], ["~\r", "<end>"]],
  ["an escape may follow an escape", ["~B~."], ["<break>", "<end>"]],
])("%s", (_, pieces, expected) => {
  expect(typed(...pieces)).toEqual(expected);
});
