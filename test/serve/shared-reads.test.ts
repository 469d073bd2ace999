import { expect, test } from "vitest";
import type { FoundFile } from "../../src/boot/asset-file.ts";
import { createSharedReads } from "../../src/serve/shared-reads.ts";

const initrd: FoundFile = { path: "/assets/initrd", sizeBytes: 6, identity: "1" };

const mebibyte = 1024 * 1024;

function reads(failing = false) {
  const read: FoundFile[] = [];
  const shared = createSharedReads(async (file) => {
    read.push(file);
    if (failing) throw new Error("disk");
    return Buffer.from("initrd");
  });
  const held = async (file: FoundFile) => {
    const given = await shared(file);
    if (given === "full") throw new Error("full");
    return given;
  };
  return { read, shared, held };
}

test("machines that fetch a file at the same time have it read once", async () => {
  const { read, held } = reads();
  const [one, two] = await Promise.all([held(initrd), held(initrd)]);
  one.release();
  const three = await held(initrd);
  expect(two.data).toBe(one.data);
  expect(three.data).toBe(one.data);
  expect(read).toEqual([initrd]);
});

test("a file is read again when nobody holds it any more, and when it is another one by then", async () => {
  const { read, shared, held } = reads();
  (await held(initrd)).release();
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

test("files that don't fit in beside those in use are refused until there is room", async () => {
  const { read, shared, held } = reads();
  const file = (path: string, mebibytes: number) => ({
    ...{ path, sizeBytes: mebibytes * mebibyte, identity: path },
  });
  // At once: a file counts from the start of its reading.
  const [one, two, three] = await Promise.all([
    held(file("one", 200)),
    held(file("two", 200)),
    shared(file("three", 200)),
  ]);
  expect(three).toBe("full");
  // One that is there costs nothing more, and stays for whoever still holds it.
  await held(file("one", 200));
  await held(file("small", 1));
  one.release();
  expect(await shared(file("three", 200))).toBe("full");
  two.release();
  expect(await shared(file("three", 200))).not.toBe("full");
  expect(read.map(({ path }) => path)).toEqual(["one", "two", "small", "three"]);
});

test("a file that is too large for that is never read", async () => {
  const { read, shared } = reads();
  expect(await shared({ ...initrd, sizeBytes: 256 * mebibyte + 1 })).toBe("full");
  expect(read).toEqual([]);
});

test("a file that can't be read takes no room", async () => {
  const { shared } = reads(true);
  for (const path of ["one", "two", "three"])
    await expect(shared({ ...initrd, path, sizeBytes: 200 * mebibyte })).rejects.toThrow("disk");
});
