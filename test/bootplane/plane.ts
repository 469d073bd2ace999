// A boot plane for one test, and the paths that are asked of it.

import { onTestFinished } from "vitest";
import { type TestBootPlane, testBootPlane } from "../fakes/boot-plane.ts";

/** Closed when the test is over. */
export async function bootPlane(
  ...options: Parameters<typeof testBootPlane>
): Promise<TestBootPlane> {
  const plane = await testBootPlane(...options);
  onTestFinished(() => plane.close());
  return plane;
}

export const script = (mac: string) => `/boot/nodes/${mac}/boot.ipxe`;

export const document = (mac: string, name: string, nonce?: string) =>
  `/boot/nodes/${mac}/${name}?${nonce === undefined ? "" : `nonce=${nonce}`}`;
