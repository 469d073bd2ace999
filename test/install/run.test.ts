import { spawnSync } from "node:child_process";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { type InstallRun, openRun, type RunView } from "../../src/install/run.ts";

const path = process.env["PATH"] ?? "";
let root: string;
let directory: string;
let run: InstallRun;

beforeEach(async () => {
  root = mkdtempSync(join(tmpdir(), "rackstrap-run-"));
  directory = join(root, "run");
  run = openRun(directory);
  await run.prepare();
  writeFileSync(join(directory, "known_hosts"), "10.0.100.50 ssh-ed25519 AAAA\n");
});

afterEach(async () => {
  await run.stop(0);
  rmSync(root, { recursive: true });
});

/** A shell script as the command; extra arguments are $1 and on. */
const script = (text: string, ...args: string[]) => ({
  argv: ["/bin/sh", "-c", text, "script", ...args],
  home: root,
  path,
});

async function until<K extends RunView["kind"]>(kind: K, of = run) {
  await expect
    .poll(async () => (await of.inspect(Date.now())).kind, { timeout: 10_000 })
    .toBe(kind);
  return (await of.inspect(Date.now())) as Extract<RunView, { kind: K }>;
}

const untilFile = (name: string) =>
  expect.poll(() => existsSync(join(directory, name)), { timeout: 10_000 }).toBe(true);

function alive(pid: string): boolean {
  try {
    return !/\) Z /.test(readFileSync(`/proc/${pid.trim()}/stat`, "utf8"));
  } catch {
    return false;
  }
}

test.each([0, 1, 4, 255])("exit code %i is recorded", async (code) => {
  await run.start(script(`echo '### Installing NixOS ###'; echo last words >&2; exit ${code}`));
  const view = await until("ended");
  expect(view.exitCode).toBe(code);
  expect(view.progress).toMatchObject({ step: "install", lastLine: "last words" });
});

test("a run that was never started says so", async () => {
  expect((await run.inspect(Date.now())).kind).toBe("not-started");
});

test("the command gets its own environment, session and no input", async () => {
  const text =
    'env; echo "args:$1:$2:"; read -r x || echo no input; cut -d " " -f 6 /proc/$$/stat >sid';
  process.env["CANARY_ENV"] = "canary-1";
  await run.start({ ...script(text, "a b", "$HOME'\""), nixConfig: "cores = 2" });
  await until("ended");
  delete process.env["CANARY_ENV"];
  const log = readFileSync(join(directory, "log"), "utf8");
  const names = log
    .match(/^[A-Za-z_]+(?==)/gm)
    ?.filter((name) => !["PWD", "OLDPWD", "_", "SHLVL"].includes(name));
  expect(names?.sort()).toEqual(["HOME", "NIX_CONFIG", "PATH", "TMPDIR"]);
  expect(log).toContain(`TMPDIR=${directory}/tmp\n`);
  expect(log).toContain(`PATH=${directory}/bin:${path}\n`);
  expect(log).toContain("args:a b:$HOME'\":");
  expect(log).toContain("no input");
  const claim = JSON.parse(readFileSync(join(directory, "pid"), "utf8"));
  expect(readFileSync(join(directory, "sid"), "utf8").trim()).toBe(String(claim.pid));
});

test("directory, log and temporary directory are for the owner only", async () => {
  await run.start(script("true"));
  await until("ended");
  for (const [name, mode] of [
    [".", 0o700],
    ["tmp", 0o700],
    ["bin", 0o700],
    ["log", 0o600],
  ] as const)
    expect(statSync(join(directory, name)).mode & 0o777).toBe(mode);
});

test("it outlives the server that started it and is adopted by the next", async () => {
  const starter = `
    const { openRun } = await import(${JSON.stringify(join(import.meta.dirname, "../../src/install/run.ts"))});
    await openRun(${JSON.stringify(directory)}).start(${JSON.stringify(
      script(
        "echo '### Gathering machine facts ###'; until [ -e go ]; do read -t 1 x </dev/zero || sleep 0.05; done; exit 7",
      ),
    )});
    process.kill(process.pid, "SIGKILL");`;
  const started = spawnSync(process.execPath, ["--input-type=module", "-e", starter]);
  expect(started.signal).toBe("SIGKILL");
  const adopted = openRun(directory);
  const view = await until("running", adopted);
  expect(view.overdue).toBeUndefined();
  writeFileSync(join(directory, "go"), "");
  expect((await until("ended", adopted)).exitCode).toBe(7);
});

test("one directory is one start, also for two servers at once", async () => {
  const command = script("echo started >>starts; exit 0");
  await Promise.all([
    run.start(command),
    openRun(directory).start(command),
    openRun(directory).start(command),
  ]);
  await until("ended");
  await run.start(command);
  expect(readFileSync(join(directory, "starts"), "utf8")).toBe("started\n");
  expect(readdirSync(directory).filter((name) => name.startsWith("pid"))).toEqual(["pid"]);
});

test("a start without a pinned host key is refused", async () => {
  rmSync(join(directory, "known_hosts"));
  await expect(run.start(script("true"))).rejects.toThrow(
    "identify the installer before the start",
  );
});

test("stop ends grandchildren that ignore TERM or left the session, and removes the secrets", async () => {
  mkdirSync(join(directory, "extra-files"));
  await run.start(
    script(`
      (trap '' TERM; echo key >"$TMPDIR/key"; sh -c 'echo $$ >stubborn; while :; do sleep 1; done') &
      setsid sh -c 'echo $$ >away; sleep 600' &
      env -i /bin/sleep 601 &
      echo $! >bare
      wait`),
  );
  for (const name of ["stubborn", "away", "bare"]) await untilFile(name);
  await expect.poll(() => readFileSync(join(directory, "bare"), "utf8")).not.toBe("");
  const pids = ["stubborn", "away", "bare"].map((name) =>
    readFileSync(join(directory, name), "utf8"),
  );
  expect(pids.map(alive)).toEqual([true, true, true]);
  await run.stop(300);
  expect(pids.map(alive)).toEqual([false, false, false]);
  expect((await run.inspect(Date.now())).kind).toBe("cancelled");
  expect(existsSync(join(directory, "tmp"))).toBe(false);
  expect(existsSync(join(directory, "extra-files"))).toBe(false);
});

test("a command that ends on TERM has its exit code kept", async () => {
  await run.start(script("trap 'exit 9' TERM; touch ready; while :; do sleep 0.05; done"));
  await untilFile("ready");
  await run.stop(5_000);
  expect(readFileSync(join(directory, "rc"), "utf8")).toBe("9\n");
  expect((await run.inspect(Date.now())).kind).toBe("cancelled");
});

test("stop leaves the result of an ended run as it is, and only removes the secrets", async () => {
  await run.start(script("exit 3"));
  await until("ended");
  await run.stop();
  expect(await run.inspect(Date.now())).toMatchObject({ kind: "ended", exitCode: 3 });
  expect(existsSync(join(directory, "tmp"))).toBe(false);
});

test("a run cancelled before its start never starts", async () => {
  await run.stop();
  await run.start(script("touch ran"));
  expect((await run.inspect(Date.now())).kind).toBe("cancelled");
  expect(existsSync(join(directory, "ran"))).toBe(false);
});

test("a killed wrapper is seen as vanished, and stop still finds what it left behind", async () => {
  await run.start(script("echo $$ >inner; while :; do sleep 0.05; done"));
  await untilFile("inner");
  await expect.poll(() => readFileSync(join(directory, "inner"), "utf8")).not.toBe("");
  const { pid } = JSON.parse(readFileSync(join(directory, "pid"), "utf8"));
  process.kill(pid, "SIGKILL");
  await until("vanished");
  const inner = readFileSync(join(directory, "inner"), "utf8");
  expect(alive(inner)).toBe(true);
  await run.stop(300);
  expect(alive(inner)).toBe(false);
});

test.each([
  ["another start time", { startTime: 1 }],
  ["another boot of this server", { bootId: "00000000-0000-0000-0000-000000000000" }],
])("a process id with %s is not our process", async (_, over) => {
  const text = readFileSync(`/proc/${process.pid}/stat`, "utf8");
  const startTime = Number(text.slice(text.lastIndexOf(")") + 2).split(" ")[19]);
  const bootId = readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim();
  const own = { pid: process.pid, startTime, bootId };
  writeFileSync(join(directory, "log"), "");
  writeFileSync(join(directory, "pid"), JSON.stringify(own));
  expect((await run.inspect(Date.now())).kind).toBe("running");
  writeFileSync(join(directory, "pid"), JSON.stringify({ ...own, ...over }));
  expect((await run.inspect(Date.now())).kind).toBe("vanished");
});

test.each(["", "0", "x\n"])(
  "files left half written by a power cut are no success: %j",
  async (rc) => {
    writeFileSync(join(directory, "pid"), "");
    writeFileSync(join(directory, "rc"), rc);
    expect((await run.inspect(Date.now())).kind).toBe("vanished");
  },
);

test("ten megabytes of output are read in one look", async () => {
  await run.start(script("yes 'copying path' | head -c 10000000; echo; echo '### Done! ###'"));
  const view = await until("ended");
  expect(view.progress.step).toBe("done");
  expect(view.progress.tail).toHaveLength(40);
});

test("a step that loops and prints is overdue all the same, also for a server started since", async () => {
  await run.start(script("echo '### Uploading install SSH keys ###'; touch ready; exec sleep 600"));
  await untilFile("ready");
  await expect.poll(async () => (await run.inspect(Date.now())).progress.step).toBe("upload-keys");
  writeFileSync(join(directory, "log"), "Permission denied (publickey).\n", { flag: "a" });
  const view = await openRun(directory).inspect(Date.now() + 61_000);
  expect(view).toMatchObject({ kind: "running", overdue: expect.stringMatching(/limit 60 s/) });
});

test.each(["relative/run", "/tmp/with space", "/tmp/per%cent"])(
  "%s is refused as a run directory",
  (name) => {
    expect(() => openRun(name)).toThrow("only an absolute path without spaces will do");
  },
);
