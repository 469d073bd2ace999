// Reads a growing log file from where it stopped last time, and keeps the progress its lines tell.
// The log holds whatever a program and a remote machine printed: lines are cleaned and cut before use.

import { open } from "node:fs/promises";
import { StringDecoder } from "node:string_decoder";
import { advance, noProgress, type Progress } from "./phases.ts";

const chunkBytes = 64 * 1024;
// One reading handles this much at most, so that a flood of output can't hold the server up.
const maxBytesPerRead = 16 * 1024 * 1024;
const maxPendingChars = 8 * 1024;
const maxLineChars = 256;

export interface LogReader {
  /** Reads what is new and returns the progress so far. A log that isn't there yet is empty. */
  read(): Promise<Progress>;
}

export function createLogReader(file: string): LogReader {
  const decoder = new StringDecoder("utf8");
  let offset = 0;
  let pending = "";
  let progress = noProgress;

  const take = (text: string): void => {
    // A carriage return alone redraws a line, as the progress of mke2fs and nix does.
    const lines = (pending + text).split(/\r?\n|\r/);
    pending = (lines.pop() ?? "").slice(-maxPendingChars);
    for (const line of lines) progress = advance(progress, cleanLine(line));
  };

  return {
    read: async () => {
      const handle = await open(file, "r").catch(absent);
      if (handle === undefined) return progress;
      try {
        const buffer = Buffer.alloc(chunkBytes);
        for (let taken = 0; taken < maxBytesPerRead; ) {
          const { bytesRead } = await handle.read(buffer, 0, chunkBytes, offset);
          if (bytesRead === 0) break;
          offset += bytesRead;
          taken += bytesRead;
          take(decoder.write(buffer.subarray(0, bytesRead)));
        }
      } finally {
        await handle.close();
      }
      return progress;
    },
  };
}

/** Without terminal sequences and control characters, and no longer than a screen shows. */
export function cleanLine(line: string): string {
  return (
    line
      // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is removed
      .replace(/\u001b(?:\[[0-9;?]*[A-Za-z]|\][^\u0007]*\u0007|.)/g, "")
      // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is removed
      .replace(/[\u0000-\u001f\u007f-\u009f]/g, " ")
      .trim()
      .slice(0, maxLineChars)
  );
}

function absent(error: unknown): undefined {
  if (error instanceof Error && "code" in error && error.code === "ENOENT") return undefined;
  throw error;
}
