import type { BuildPlace } from "./installer.ts";
export async function buildSystem(_place: BuildPlace, _firstBoot: string): Promise<void> {}
