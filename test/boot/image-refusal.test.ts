import { pino } from "pino";
import { expect, test } from "vitest";
import { AssetChangedError } from "../../src/boot/asset-file.ts";
import type { AssetManifest } from "../../src/boot/assets.ts";
import { DamagedImageError } from "../../src/boot/image-cache.ts";
import { createImageRefusal, type ImageRefusal } from "../../src/boot/image-refusal.ts";
import { manualClock } from "../fakes/manual-clock.ts";

const image = { path: "/assets/initrd", sizeBytes: 1, identity: "1", sha256: "0" };
const named = { profile: "worker", file: "initrd", image };

function refusal() {
  const clock = manualClock(0);
  const done: string[] = [];
  const told: ImageRefusal[] = [];
  const logs: string[] = [];
  const refuse = createImageRefusal({
    assets: {
      reload: async () => {
        done.push("reload");
        return {} as AssetManifest;
      },
      reportDamage: async ({ path }) => void done.push(`damage of ${path}`),
    },
    onRefused: (one) => told.push(one),
    now: clock.now,
    logger: pino({}, { write: (line: string) => void logs.push(line) }),
  });
  return { refuse, clock, done, told, logs };
}

test("a damaged image is reported each time, and its client is told of once a minute", async () => {
  const { refuse, clock, done, told, logs } = refusal();
  const error = new DamagedImageError("/assets/initrd is damaged");
  for (const client of ["10.0.0.1", "10.0.0.1", "10.0.0.2"])
    expect(await refuse(client, named, error)).toBe(true);
  expect(done).toEqual(Array.from({ length: 3 }, () => "damage of /assets/initrd"));
  const reason = "/assets/initrd is damaged";
  expect(told).toEqual(
    ["10.0.0.1", "10.0.0.2"].map((client) => ({
      ...{ client, profile: "worker", file: "initrd", reason },
    })),
  );
  expect(logs).toHaveLength(2);
  clock.advance(60_000);
  await refuse("10.0.0.1", named, error);
  expect(told).toHaveLength(3);
});

test("a replaced image makes the assets be read again, with one line a minute", async () => {
  const { refuse, done, told, logs } = refusal();
  for (let time = 0; time < 3; time += 1)
    expect(await refuse("10.0.0.1", named, new AssetChangedError("changed"))).toBe(true);
  expect(done).toEqual(["reload", "reload", "reload"]);
  expect([told.length, logs.length]).toEqual([0, 1]);
});

test("any other error is its caller's", async () => {
  const { refuse, done, told, logs } = refusal();
  expect(await refuse("10.0.0.1", named, new Error("EIO"))).toBe(false);
  expect([done, told, logs]).toEqual([[], [], []]);
});
