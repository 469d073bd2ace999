// One line of `rackstrap check`: what was looked at, how it stands, and what to do about it.

/** The runbook's checklists 4.1 to 4.6, in their order. */
export const areas = ["hardware", "network", "boot-server", "nodes", "tls", "workstation"] as const;

export type Area = (typeof areas)[number];

export interface CheckLine {
  readonly area: Area;
  readonly title: string;
  /** `warning`: it works, and a person should know. `error`: something will fail. */
  readonly level: "ok" | "warning" | "error";
  readonly detail: string;
  /** What to do about it; absent when all is well. */
  readonly next?: string | undefined;
}

type Subject = Pick<CheckLine, "area" | "title">;

export const ok = (subject: Subject, detail: string): CheckLine => ({
  ...subject,
  level: "ok",
  detail,
});

export const warning = (subject: Subject, detail: string, next: string): CheckLine => ({
  ...subject,
  level: "warning",
  detail,
  next,
});

export const error = (subject: Subject, detail: string, next: string): CheckLine => ({
  ...subject,
  level: "error",
  detail,
  next,
});
