// A block of lines at the bottom of a terminal that is drawn again in place.

export interface LiveDisplay {
  /** Replaces what was drawn before. Lines must be shorter than the terminal is wide. */
  draw(lines: readonly string[]): void;
}

export function createLiveDisplay(write: (text: string) => void): LiveDisplay {
  let height = 0;
  return {
    draw: (lines) => {
      // Up to the first line of the last drawing, then erase to the end of the screen (ECMA-48 CUU, ED).
      const rewind = height === 0 ? "" : `\u001b[${height}A\u001b[J`;
      write(`${rewind}${lines.map((line) => `${line}\n`).join("")}`);
      height = lines.length;
    },
  };
}
