// The inventory over HTTP: what is in force, a reading of its files, and how others would differ.

import type { FastifyInstance } from "fastify";
import type { InventoryFile, InventoryStatusView, InventoryVerdict } from "./inventory-shapes.ts";
import * as shapes from "./inventory-shapes.ts";
import { give, take } from "./shaping.ts";

export interface InventoryService {
  inventoryStatus(): InventoryStatusView;
  /** Reads the files now, and takes them if they are sound. */
  reloadInventory(): Promise<InventoryVerdict>;
  /** What would become of these files in place of the server's own. Changes nothing. */
  compareInventory(files: readonly InventoryFile[]): Promise<InventoryVerdict>;
}

export function addInventoryRoutes(app: FastifyInstance, service: InventoryService): void {
  app.get("/api/inventory/status", () =>
    give(shapes.inventoryStatusShape, service.inventoryStatus()),
  );
  app.post("/api/inventory/reload", async () =>
    give(shapes.inventoryVerdictShape, await service.reloadInventory()),
  );
  app.post("/api/inventory/diff", { bodyLimit: shapes.maxInventoryBodyBytes }, async ({ body }) => {
    const { files } = take(shapes.inventoryFilesBody, body);
    return give(shapes.inventoryVerdictShape, await service.compareInventory(files));
  });
}
