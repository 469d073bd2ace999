// Files of another DHCP server as the importers see them: where a thing stands, how a file is asked for, and the
// one way to say that it can't be read. Does no reading itself.

import { dirname, isAbsolute, join } from "node:path";

/** Line and column count from 1. */
export interface Place {
  readonly file: string;
  readonly line: number;
  readonly column: number;
}

/** Something of the old configuration that is not carried over, and what to do instead. */
export interface Note {
  readonly place: Place;
  readonly what: string;
  readonly instead: string;
}

export type Read<T> = { readonly value: T } | { readonly malformed: string; readonly place: Place };

/** The bytes of a file, or why there are none. The reader keeps to `maxFileBytes`. */
export type ReadFile = (file: string) => { readonly bytes: Buffer } | { readonly error: string };

export const maxFileBytes = 64 * 1024 * 1024;
export const maxNesting = 64;
export const maxIncludes = 100;
/** Words of a configuration, or of one entry of a lease file. Each takes memory many times its own size. */
export const maxWords = 2_000_000;

/** Thrown by a parser's inner functions and caught by `total`, so that no public function throws. */
class Unreadable extends Error {
  readonly place: Place;

  constructor(message: string, place: Place) {
    super(message);
    this.name = "Unreadable";
    this.place = place;
  }
}

export function unreadable(place: Place, message: string): never {
  throw new Unreadable(message, place);
}

/** The value of `parse`, or where and why the file can't be read. */
export function total<T>(parse: () => T): Read<T> {
  try {
    return { value: parse() };
  } catch (error) {
    if (error instanceof Unreadable) return { malformed: error.message, place: error.place };
    throw error;
  }
}

/** `file:line:column` */
export function formatPlace({ file, line, column }: Place): string {
  return `${file}:${line}:${column}`;
}

/** An included file's path: taken from the folder of the file that names it. */
export function includedPath(from: string, path: string): string {
  return isAbsolute(path) ? path : join(dirname(from), path);
}

/** Tells where the character at an offset stands. To be asked for offsets that never go back: each line is counted once. */
export function placesIn(text: string, file: string): (offset: number) => Place {
  const breakFrom = (at: number) => {
    const found = text.indexOf("\n", at);
    return found === -1 ? Number.POSITIVE_INFINITY : found;
  };
  let [line, lineStart, lineEnd] = [1, 0, breakFrom(0)];
  return (offset) => {
    while (lineEnd < offset) {
      line++;
      lineStart = lineEnd + 1;
      lineEnd = breakFrom(lineStart);
    }
    return { file, line, column: offset - lineStart + 1 };
  };
}

export function startOf(file: string): Place {
  return { file, line: 1, column: 1 };
}
