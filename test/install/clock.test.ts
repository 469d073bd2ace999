import { execFile } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterEach, beforeEach, expect, test } from "vitest";
import { clockCommand, readCorrection } from "../../src/install/clock.ts";

const run = promisify(execFile);
const nowSeconds = 1_800_000_000;

let machine: string;

beforeEach(() => {
  machine = mkdtempSync(join(tmpdir(), "rackstrap-clock-"));
});

afterEach(() => rmSync(machine, { recursive: true }));

/** What a machine answers whose clock says `seconds`, and what was done to its clocks. The machine of the test keeps its own. */
async function ask(seconds: number, may: { date: boolean; rtc: boolean }) {
  const done = join(machine, "done");
  const tool = (name: string, script: string) =>
    writeFileSync(join(machine, name), `#!/bin/sh\n${script}\n`, { mode: 0o755 });
  writeFileSync(done, "");
  tool(
    "date",
    `if [ "$2" = +%s ]; then echo ${seconds}; exit; fi; echo "date $*" >> ${done}; exit ${may.date ? 0 : 1}`,
  );
  tool("hwclock", `echo "hwclock $*" >> ${done}; exit ${may.rtc ? 0 : 1}`);
  const { stdout } = await run("/bin/sh", ["-c", clockCommand(nowSeconds * 1000)], {
    env: { PATH: machine },
  });
  return { correction: readCorrection(stdout), done: readFileSync(done, "utf8") };
}

const set = `date -u -s @${nowSeconds}\n`;
const days = 2 * 86_400;

test.each([
  ["agrees", 0, true, true, "agrees", ""],
  ["is a minute ahead", 60, true, true, "agrees", ""],
  ["is more than a minute behind", -61, true, true, "set", `${set}hwclock -w -u\n`],
  ["is two days ahead", days, true, true, "set", `${set}hwclock -w -u\n`],
  [
    "is of a machine without a hardware clock",
    -days,
    true,
    false,
    "set-until-restart",
    `${set}hwclock -w -u\n`,
  ],
  ["can't be set", -days, false, true, "refused", set],
])("a clock that %s", async (_what, offSeconds, date, rtc, outcome, done) => {
  const answer = await ask(nowSeconds + offSeconds, { date, rtc });
  expect(answer).toEqual({ correction: { offSeconds, outcome }, done });
});

test.each(["", "0", "agrees", "1 well", "12x set", "1 set\n2 set", `${"9".repeat(20)} set`])(
  "an answer of other words, %j, says nothing of the clock",
  (answer) => {
    expect(readCorrection(answer)).toBeUndefined();
  },
);
