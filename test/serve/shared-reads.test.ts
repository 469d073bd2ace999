import { expect, test } from "vitest";
import type { FoundFile } from "../../src/boot/asset-file.ts";
import { createSharedReads } from "../../src/serve/shared-reads.ts";

const initrd: FoundFile = { path: "/assets/initrd", sizeBytes: 6, identity: "1" };

function reads(failing = false) {
  const read: FoundFile[] = [];
  const shared = createSharedReads(async (file) => {
    read.push(file);
    if (failing) throw new Error("disk");
    return Buffer.from("initrd");
  });
  return { read, shared };
}

test("machines that fetch a file at the same time have it read once", async () => {
  const { read, shared } = reads();
  const [one, two] = await Promise.all([shared(initrd), shared(initrd)]);
  one.release();
  const three = await shared(initrd);
  expect(two.data).toBe(one.data);
  expect(three.data).toBe(one.data);
  expect(read).toEqual([initrd]);
});

test("a file is read again when nobody holds it any more, and when it is another one by then", async () => {
  const { read, shared } = reads();
  (await shared(initrd)).release();
  const changed = { ...initrd, identity: "2" };
  await shared(initrd);
  await shared(changed);
  expect(read).toEqual([initrd, initrd, changed]);
});

test("a file that can't be read is tried anew by the next who asks", async () => {
  const { read, shared } = reads(true);
  const both = await Promise.allSettled([shared(initrd), shared(initrd)]);
  expect(both.map(({ status }) => status)).toEqual(["rejected", "rejected"]);
  await expect(shared(initrd)).rejects.toThrow("disk");
  expect(read).toHaveLength(2);
});
