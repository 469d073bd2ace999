// Certificates over HTTP. No key goes out.

import type { FastifyInstance } from "fastify";
import {
  certificateStatusAnswer,
  certificateStatusQuery,
  certificatesAnswer,
} from "./certificate-shapes.ts";
import type { CertificateService } from "./certificates.ts";
import { give, take } from "./shaping.ts";

export function addCertificateRoutes(app: FastifyInstance, service: CertificateService): void {
  app.get("/api/certificates", () => give(certificatesAnswer, service.certificates()));
  app.get("/api/certificates/status", async ({ query }) => {
    const request = take(certificateStatusQuery, query);
    return give(certificateStatusAnswer, await service.certificateStatus(request));
  });
}
