import { expect, test } from "vitest";
import { chooseShow } from "../../src/cli/power-show.ts";
import { powerJobView } from "../api/fake-rackstrap.ts";

function shown(verb: "on" | "status", size: { columns: number; rows: number }, isTTY = true) {
  let text = "";
  const write = (more: string) => {
    text += more;
    return true;
  };
  const job = powerJobView(verb, ["node01", "node02"]);
  const show = chooseShow(job, false, { isTTY, ...size, write } as NodeJS.WriteStream);
  show.now(undefined, job, undefined);
  return text;
}

test("a terminal that does not know its size gets the table for 80 columns", () => {
  const text = shown("on", { columns: 0, rows: 0 });
  expect(text).toMatch(/^node01 .*done/m);
  expect(text).toMatch(/^node02 .*done/m);
});

test("reading the power state says how many were read already", () => {
  expect(shown("status", { columns: 100, rows: 24 })).toMatch(
    /^power status job-1: 2 machines, 2 done$/m,
  );
});

test("reading says nothing before its end where there is no terminal", () => {
  expect(shown("status", { columns: 100, rows: 24 }, false)).toBe("");
});
