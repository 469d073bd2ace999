// biome-ignore-all lint/suspicious/noTemplateCurlyInString: these texts are Nix, where it begins an interpolation.
import { expect, test } from "vitest";
import {
  commentLines,
  described,
  expression,
  printAttribute,
  printNix,
} from "../../src/generate/nix.ts";

test.each([
  ["plain", '"plain"'],
  ['"; x = 1; y = "', '"\\"; x = 1; y = \\""'],
  ["${builtins.abort}", '"\\${builtins.abort}"'],
  ["$${x}", '"$\\${x}"'],
  ["cost: 5$", '"cost: 5$"'],
  ["a\\", '"a\\\\"'],
  ["one\ntwo", '"one\\ntwo"'],
  ["''\n", `"''\\n"`],
  ["\ttab\n", '"\\ttab\\n"'],
  [" indented\n", '" indented\\n"'],
])("writes the text %j so that it stays one", (text, nix) => {
  expect(printNix(text)).toBe(nix);
});

test("writes several plain lines as lines", () => {
  expect(printAttribute("rules", "one\n  two\n\nthree\n", "  ")).toBe(
    "  rules = ''\n    one\n      two\n\n    three\n  '';\n",
  );
});

test("lays sets and lists out as a person would", () => {
  const value = {
    services: { openssh: { enable: true } },
    if: { "10-lan": [-1, 0.5, 1e-7], none: null, gone: undefined },
    addresses: [{ address: "10.0.0.1" }],
    disks: [expression("builtins.head disks")],
    port: described("The one\nof the API", 80),
    empty: [{}, []],
  };
  expect(printNix(value)).toBe(`{
  services.openssh.enable = true;
  "if" = {
    "10-lan" = [ (-1) 0.5 1.0e-7 ];
    none = null;
  };
  addresses = [
    {
      address = "10.0.0.1";
    }
  ];
  disks = [ (builtins.head disks) ];
  # The one
  # of the API
  port = 80;
  empty = [
    { }
    [ ]
  ];
}`);
});

test.each([Number.NaN, Number.POSITIVE_INFINITY, 2 ** 60, "a\0b", "\ud800"])(
  "refuses %j, which Nix cannot hold",
  (value) => {
    expect(() => printNix(value)).toThrow(/cannot be written/);
  },
);

test("keeps a comment a comment, whatever is in it", () => {
  expect(commentLines("a\rb\u2028c\n${x} */\n\n")).toBe("# a b c\n# ${x} */\n#\n#\n");
});
