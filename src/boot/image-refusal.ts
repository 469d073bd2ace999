// What is done when an image that somebody asks for turns out to be damaged or replaced: the same for every protocol.

import type { Logger } from "pino";
import { createRepeats } from "../net/repeats.ts";
import { AssetChangedError, type AssetFile } from "./asset-file.ts";
import type { Assets } from "./assets.ts";
import { DamagedImageError } from "./image-cache.ts";

/** An image under the name that it is asked by. */
export interface NamedImage {
  readonly profile: string;
  readonly file: string;
  readonly image: AssetFile;
}

export interface ImageRefusal {
  readonly client: string;
  readonly profile: string;
  readonly file: string;
  readonly reason: string;
}

export interface ImageRefusalTools {
  readonly assets: Pick<Assets, "reload" | "reportDamage">;
  /** Told once a minute for each client and image. */
  readonly onRefused: (refusal: ImageRefusal) => void;
  readonly now: () => number;
  readonly logger: Logger;
}

const toldEveryMs = 60_000;

/** True when the error says that the image can't be served now, which is then taken care of; false for any other error. */
export type RefuseImage = (client: string, named: NamedImage, error: unknown) => Promise<boolean>;

export function createImageRefusal(tools: ImageRefusalTools): RefuseImage {
  const { assets, onRefused, logger } = tools;
  const isRepeat = createRepeats(tools.now);
  return async (client, { profile, file, image }, error) => {
    const { path } = image;
    if (error instanceof DamagedImageError) {
      await assets.reportDamage(image);
      if (!isRepeat(`${path} ${client}`, toldEveryMs)) {
        logger.error({ err: error, path, client }, "an image is damaged and not served");
        onRefused({ client, profile, file, reason: error.message });
      }
      return true;
    }
    if (!(error instanceof AssetChangedError)) return false;
    if (!isRepeat(path, toldEveryMs))
      logger.error({ path }, "an image changed on disk: reading the assets again");
    await assets.reload();
    return true;
  };
}
