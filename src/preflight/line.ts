// One line of a report: what was looked at, how it stands, and what to do about it. And the areas of `rackstrap check`.

/** The runbook's checklists 4.1 to 4.6, in their order. */
export const areas = ["hardware", "network", "boot-server", "nodes", "tls", "workstation"] as const;

export type Area = (typeof areas)[number];

/** One line of a report whose parts are `A`. */
export interface ReportLine<A extends string> {
  readonly area: A;
  readonly title: string;
  /** `warning`: it works, and a person should know. `error`: something will fail. */
  readonly level: "ok" | "warning" | "error";
  readonly detail: string;
  /** What to do about it; absent when all is well. */
  readonly next?: string | undefined;
}

export type CheckLine = ReportLine<Area>;

type Subject<A extends string> = Pick<ReportLine<A>, "area" | "title">;

export const ok = <A extends string>(subject: Subject<A>, detail: string): ReportLine<A> => ({
  ...subject,
  level: "ok",
  detail,
});

export const warning = <A extends string>(
  subject: Subject<A>,
  detail: string,
  next: string,
): ReportLine<A> => ({
  ...subject,
  level: "warning",
  detail,
  next,
});

export const error = <A extends string>(
  subject: Subject<A>,
  detail: string,
  next: string,
): ReportLine<A> => ({
  ...subject,
  level: "error",
  detail,
  next,
});
