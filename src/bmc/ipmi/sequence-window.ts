// Which session sequence numbers may still come: each once, and none that is far behind or far ahead
// (IPMI 2.0 §6.12.13: 16 behind and 15 ahead of the highest seen; 0 is never used inside a session).

const behind = 16;
const ahead = 15;

/** Says of each authenticated datagram's sequence number whether to take it, and remembers those taken. */
export interface SequenceWindow {
  accept(sequence: number): boolean;
}

export function createSequenceWindow(): SequenceWindow {
  let highest: number | undefined;
  // Bit n: `highest - n` was taken.
  let taken = 0;
  return {
    accept: (sequence) => {
      if (sequence === 0) return false;
      if (highest === undefined) {
        highest = sequence;
        taken = 1;
        return true;
      }
      // Numbers wrap at 2^32.
      const distance = (sequence - highest) | 0;
      if (distance > ahead || distance < -behind) return false;
      if (distance > 0) {
        taken = (taken << distance) | 1;
        highest = sequence;
        return true;
      }
      const bit = 1 << -distance;
      if ((taken & bit) !== 0) return false;
      taken |= bit;
      return true;
    },
  };
}
