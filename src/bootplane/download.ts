// One download, without socket or clock: which octets may go next and when, and how it ends.

/** `too-slow`: the client takes less than is asked of everyone. */
export type DownloadOutcome = "complete" | "cut" | "too-slow";

/** What a client has to take, on the average of `windowMs` in which octets wait for it. A pause that we make does not count. */
export interface Patience {
  readonly leastBytesPerSecond: number;
  readonly windowMs: number;
}

export interface DownloadShape {
  /** The first octet of the file, and the one behind the last. */
  readonly start: number;
  readonly end: number;
  /** The most to be handed to the network at once. */
  readonly sliceBytes: number;
}

export interface Offer {
  readonly offset: number;
  readonly length: number;
}

export class Download {
  readonly #shape: DownloadShape;
  readonly #patience: Patience;
  readonly #waitMs: (octets: number) => number;
  #at: number;
  /** What is left of the slice that may go, and from when on it may. */
  #granted = 0;
  #grantedFromMs = 0;
  /** Since when the client's queue is full; and within the window so far, how long it was, and what was taken. */
  #fullSinceMs: number | undefined;
  #fullMs = 0;
  #taken = 0;
  #outcome: "complete" | "too-slow" | undefined;

  /** `waitMs` says how long so many octets more have to wait for the client's rate. All times in milliseconds of one clock. */
  constructor(
    shape: DownloadShape,
    patience: Patience,
    waitMs: (octets: number) => number,
    nowMs: number,
  ) {
    this.#shape = shape;
    this.#patience = patience;
    this.#waitMs = waitMs;
    this.#at = shape.start;
    this.#grant(nowMs);
  }

  get outcome(): "complete" | "too-slow" | undefined {
    return this.#outcome;
  }

  /** Octets that the network has taken. */
  get bytes(): number {
    return this.#at - this.#shape.start;
  }

  /** When it is to be offered to its client again even though the queue is full: then `took` judges it. */
  get deadlineMs(): number {
    if (this.#fullSinceMs === undefined) return this.#grantedFromMs;
    return this.#fullSinceMs + this.#patience.windowMs - this.#fullMs;
  }

  /** What may go now; undefined in a pause. */
  next(nowMs: number): Offer | undefined {
    return nowMs < this.#grantedFromMs ? undefined : { offset: this.#at, length: this.#granted };
  }

  /** The network has taken so many octets of what was offered. */
  took(octets: number, nowMs: number): void {
    const isFull = octets < this.#granted;
    this.#at += octets;
    this.#granted -= octets;
    if (this.#at === this.#shape.end) this.#outcome = "complete";
    else {
      this.#judge(octets, nowMs);
      this.#fullSinceMs = isFull ? nowMs : undefined;
      if (this.#granted === 0) this.#grant(nowMs);
    }
  }

  #judge(octets: number, nowMs: number): void {
    const { leastBytesPerSecond, windowMs } = this.#patience;
    this.#taken += octets;
    if (this.#fullSinceMs !== undefined) this.#fullMs += nowMs - this.#fullSinceMs;
    if (this.#fullMs < windowMs) return;
    // At 0 octets per second, who takes nothing at all is too slow all the same.
    if (this.#taken < Math.max(1, (leastBytesPerSecond * this.#fullMs) / 1000))
      this.#outcome = "too-slow";
    this.#fullMs = 0;
    this.#taken = 0;
  }

  #grant(nowMs: number): void {
    this.#granted = Math.min(this.#shape.sliceBytes, this.#shape.end - this.#at);
    this.#grantedFromMs = nowMs + this.#waitMs(this.#granted);
  }
}
