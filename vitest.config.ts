import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    projects: [
      {
        test: {
          name: "unit",
          include: ["test/**/*.test.ts"],
          exclude: ["test/interop/**", "test/e2e/**"],
          // Some start a process of their own, which takes its time on a busy machine.
          testTimeout: 30_000,
        },
      },
      {
        test: {
          name: "interop",
          include: ["test/interop/**/*.test.ts"],
          fileParallelism: false,
          testTimeout: 60_000,
          hookTimeout: 60_000,
        },
      },
      {
        test: {
          name: "e2e",
          include: ["test/e2e/*.test.ts"],
          exclude: ["test/e2e/discovery.test.ts"],
          fileParallelism: false,
          testTimeout: 20 * 60_000,
          hookTimeout: 10 * 60_000,
        },
      },
      {
        test: {
          name: "discovery",
          include: ["test/e2e/discovery.test.ts"],
          fileParallelism: false,
          testTimeout: 20 * 60_000,
          hookTimeout: 10 * 60_000,
        },
      },
      {
        test: {
          name: "day2",
          include: ["test/e2e/day2/*.test.ts"],
          fileParallelism: false,
          testTimeout: 40 * 60_000,
          hookTimeout: 20 * 60_000,
        },
      },
      {
        test: {
          name: "firmware",
          include: ["test/e2e/firmware/*.test.ts"],
          fileParallelism: false,
          testTimeout: 30 * 60_000,
        },
      },
    ],
  },
});
