// Answers what the API is asked about the inventory itself, and what `rackstrap check` is told of it.

import { dirname, relative, resolve } from "node:path";
import type { InventoryService } from "../api/inventory-routes.ts";
import type {
  InventoryFile,
  InventoryStatusView,
  InventoryVerdict,
} from "../api/inventory-shapes.ts";
import { type InventoryTexts, parseOtherTexts } from "../inventory/files.ts";
import { formatProblem } from "../inventory/load.ts";
import type { InventoryFiles } from "../operations/verb.ts";
import { type CheckLine, error, ok, warning } from "../preflight/line.ts";
import type { InventoryReload } from "./inventory-reload.ts";

export function createInventoryService(reload: InventoryReload): InventoryService {
  return {
    inventoryStatus: () => reload.status(),
    reloadInventory: () => reload.reload("request"),
    compareInventory: async (files) => {
      const { texts, sentAs } = inPlace(files, dirname(resolve(reload.file)));
      const verdict = await reload.compare(parseOtherTexts(texts));
      const asSent = (problem: InventoryVerdict["problems"][number]) => ({
        ...problem,
        file: sentAs.get(problem.file) ?? problem.file,
      });
      return {
        ...verdict,
        problems: verdict.problems.map(asSent),
        warnings: verdict.warnings.map(asSent),
      };
    },
  };
}

/** The files for operations that change them. */
export function inventoryFiles(reload: InventoryReload): InventoryFiles {
  return {
    main: reload.file,
    read: reload.read,
    reload: async () => {
      const { problems, refused } = await reload.reload("request");
      return [...problems.map(formatProblem), ...refused.map(({ reason }) => reason)];
    },
  };
}

/** The files as if they stood in `folder`: the paths that they name mean there what they mean to the server. */
function inPlace(files: readonly InventoryFile[], folder: string) {
  const [first] = files;
  const from = dirname(resolve(first?.path ?? ""));
  const place = (path: string) => resolve(folder, relative(from, resolve(path)));
  const texts: InventoryTexts = new Map(files.map(({ path, text }) => [place(path), { text }]));
  const sentAs = new Map(files.map(({ path }) => [place(path), path]));
  return { texts, sentAs };
}

/** What is not in force of what the files say, for `rackstrap check`. */
export function checkInventoryStatus(status: InventoryStatusView): CheckLine[] {
  const { site, nodes, problems, refused, needsRestart, warnings, valid } = status;
  const subject = { area: "boot-server", title: "inventory" } as const;
  const reasons = [...problems.map(formatProblem), ...refused.map(({ reason }) => reason)];
  const waiting = needsRestart.map(({ path }) => path).join(", ");
  return [
    valid
      ? ok(subject, `site ${site}, ${nodes} nodes, in force`)
      : error(
          subject,
          `what was in force before still is: ${reasons.join("; ")}`,
          refused[0]?.next ?? "correct the file: it is read as soon as it changes",
        ),
    ...warnings.map(({ file, line, column, path, message }) =>
      warning(subject, `${file}:${line}:${column}: ${path}`, message),
    ),
    ...(waiting === ""
      ? []
      : [
          warning(
            { ...subject, title: "inventory settings that wait" },
            `${waiting}: in the file and not in force`,
            "start the server again when that suits: they take effect then",
          ),
        ]),
  ];
}
